"""Segments with Airflow's own code: what only a real operator does to its processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from process_helpers import Activities, Bench, is_running, lines, segment_job, supervision, until

from longhaul_airflow.processes.child_environment import child_environment
from longhaul_airflow.processes.preload import DEFAULT_RUNTIME
from longhaul_airflow.processes.segments import Segments, SegmentsOptions
from longhaul_airflow.runtime.configure import configure_process
from longhaul_airflow.runtime.load import detect_major
from longhaul_airflow.settings import ChildLimits

pytestmark = pytest.mark.asyncio
BASH = "airflow.providers.standard.operators.bash"


async def open_airflow(folder: Path) -> Segments:
    environment = child_environment(os.environ, ())
    configure_process(str(folder / "airflow"), environment)
    segments = Segments(ChildLimits())
    options = SegmentsOptions(
        detect_major(), environment, log_path=folder / "server.log", modules=(BASH,), runtime=DEFAULT_RUNTIME
    )
    await segments.open(options)
    return segments


def bash(command: str) -> Any:
    operator = {"module": BASH, "name": "BashOperator", "parameters": {"bash_command": command}}
    return {**segment_job("any"), "operator": operator, "allowed": {"shell_operators": True}}


async def test_the_fork_server_has_one_thread_and_a_segment_leaves_its_log(bench: Bench) -> None:
    segments = await open_airflow(bench.folder)
    assert psutil.Process(segments._server.pid).num_threads() == 1
    async with bench.worker(Activities(segments, None, supervision(bench.folder))):
        result = await (await bench.start("segment", bash("echo the answer is {{ 6 * 7 }}"))).result()
    assert result["state"] == "success"
    assert result["xcoms"]["return_value"] == "the answer is 42"
    assert result["unknownMessages"] == []
    assert "the answer is 42" in (bench.folder / "segment.log").read_text()
    await segments.close()


async def test_a_cancel_runs_the_command_s_trap_and_leaves_nothing(bench: Bench) -> None:
    file = bench.folder / "f"
    segments = await open_airflow(bench.folder)
    command = f"trap 'echo trapped >> {file}; exit 3' TERM; sleep 600 & echo $$ $! >> {file}; wait"
    async with bench.worker(Activities(segments, None, supervision(bench.folder, kill_grace_s=20))):
        handle = await bench.start("segment", bash(command))
        pids = [int(pid) for pid in (await until(lambda: lines(file)))[0].split()]
        await handle.cancel()
        result = await handle.result()
        assert not any(is_running(pid) for pid in pids)
    assert result["state"] == "canceled"
    assert lines(file)[1:] == ["trapped"]
    await segments.close()


async def test_a_killed_child_takes_its_command_with_it_and_is_lost(bench: Bench) -> None:
    file = bench.folder / "f"
    segments = await open_airflow(bench.folder)
    async with bench.worker(Activities(segments, None, supervision(bench.folder))):
        handle = await bench.start("segment", bash(f"echo $$ $PPID >> {file}; sleep 600"))
        command, child = (int(pid) for pid in (await until(lambda: lines(file)))[0].split())
        os.kill(child, signal.SIGKILL)
        result = await handle.result()
        assert not is_running(command)
    assert result["state"] == "lost"
    await segments.close()
