"""Children without Temporal."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from process_helpers import HERE, is_running, lines, open_segments, pids, segment_job, until

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.processes.child_environment import child_environment
from longhaul_airflow.processes.segments import Segments, describe_exit
from longhaul_airflow.settings import ChildLimits

pytestmark = pytest.mark.asyncio


async def run(segments: Segments, job: Any, log_path: Path) -> tuple[list[Any], int]:
    process = await segments.start(job, log_path)
    updates = []
    while (update := await process.next_update()) is not None:
        updates.append(update)
        if update[0] == "begun":
            process.go()
    code = await process.wait()
    await process.end()
    return updates, code


async def value_of(segments: Segments, job: Any, tmp_path: Path) -> Any:
    updates, _ = await run(segments, job, tmp_path / "log")
    return updates[-1][1]["xcoms"]["return_value"]


async def test_a_segment_begins_only_after_go_and_gives_its_result(tmp_path: Path) -> None:
    async with open_segments() as segments:
        process = await segments.start(segment_job("count", counter=str(tmp_path / "c"), enough="/"), tmp_path / "log")
        assert await process.next_update() == ("begun", None)
        assert not (tmp_path / "c").exists()
        process.go()
        assert (await process.next_update())[0] == "secrets"  # type: ignore[index]
        assert len(lines(tmp_path / "c")) == 1
        await process.end()


async def test_what_the_task_prints_is_in_its_own_private_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "task.log"
    async with open_segments() as segments:
        for _ in range(2):
            await run(segments, segment_job("succeed"), log)
    assert lines(log) == ["log begins", "printed by the operator"] * 2
    assert log.stat().st_mode & 0o777 == 0o600


async def test_children_see_nothing_of_the_worker_s_environment_but_what_is_given(tmp_path: Path) -> None:
    worker = {
        "PATH": os.environ["PATH"],
        "TEMPORAL_API_KEY": "canary",
        "LONGHAUL_SECRET_X": "canary",
        "LONGHAUL_SEALING_KEYS_FILE": "canary",
        "OTEL_EXPORTER_OTLP_HEADERS": "canary",
        "DATABASE_PASSWORD": "canary",
        "AIRFLOW__CORE__X": "kept",
        "AWS_PROFILE": "kept",
        "MY_TOOL": "kept",
    }
    environment = child_environment(worker, ("MY_*", "TEMPORAL_*"))
    async with open_segments(environment=environment) as segments:
        seen = (await value_of(segments, segment_job("succeed"), tmp_path))["environment"]
        assert "canary" not in psutil.Process(segments._server.pid).environ().values()
    assert "canary" not in seen.values()
    assert {name for name, value in seen.items() if value == "kept"} == {"AIRFLOW__CORE__X", "AWS_PROFILE", "MY_TOOL"}


async def test_a_child_that_dies_without_a_word_is_seen_with_its_signal(tmp_path: Path) -> None:
    async with open_segments() as segments:
        updates, code = await run(segments, segment_job("die"), tmp_path / "log")
    assert [kind for kind, _ in updates] == ["begun", "taskState"]
    assert code == -signal.SIGKILL
    assert "killed by SIGKILL" in describe_exit(code)
    assert "memory" in describe_exit(code)
    assert "memory" in describe_exit(137)


async def test_a_refusal_is_a_result_with_its_code_and_a_defect_is_a_crash(tmp_path: Path) -> None:
    async with open_segments() as segments:
        refused, _ = await run(segments, segment_job("refuse"), tmp_path / "log")
        crashed, _ = await run(segments, segment_job("crash"), tmp_path / "log")
    assert refused[0][1]["code"] == "PERMISSION_DENIED"
    assert crashed[-1] == ("crash", {"type": "ValueError", "message": "a defect of the runtime"})
    assert "a defect of the runtime" in (tmp_path / "log").read_text()


async def test_what_a_segment_leaves_running_ends_with_it(tmp_path: Path) -> None:
    async with open_segments() as segments:
        _, code = await run(segments, segment_job("leave_behind", file=str(tmp_path / "f")), tmp_path / "log")
        assert code == 0
        assert [pid for pid in pids(tmp_path / "f") if is_running(pid)] == []


async def test_kill_ends_the_child_and_everything_below_it(tmp_path: Path) -> None:
    async with open_segments() as segments:
        process = await segments.start(segment_job("stop_on_term", file=str(tmp_path / "f")), tmp_path / "log")
        await process.next_update()
        process.go()
        below = await until(lambda: pids(tmp_path / "f"))
        assert len(below) == 3
        await process.end()
        assert [pid for pid in below if is_running(pid)] == []


async def test_a_worker_that_is_killed_takes_its_children_and_fork_server_with_it(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys; from process_helpers import *\n"
        "async def main():\n"
        "  async with open_segments() as segments:\n"
        f"    process = await segments.start(segment_job('stop_on_term', file={str(tmp_path / 'f')!r}),"
        f" Path({str(tmp_path / 'log')!r}))\n"
        "    await process.next_update(); process.go()\n"
        f"    await until(lambda: pids(Path({str(tmp_path / 'f')!r})))\n"
        "    print(segments._server.pid, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    path = os.pathsep.join([str(HERE), *sys.path])
    with subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as worker:
        assert worker.stdout is not None
        server = int(worker.stdout.readline())
        worker.kill()
    everything = [server, *pids(tmp_path / "f")]
    assert len(everything) == 4
    await until(lambda: not any(is_running(pid) for pid in everything))


async def test_a_fork_server_that_dies_is_told_in_words_and_its_children_end(tmp_path: Path) -> None:
    segments_open = open_segments()
    segments = await segments_open.__aenter__()
    process = await segments.start(segment_job("stop_on_term", file=str(tmp_path / "f")), tmp_path / "log")
    await process.next_update()
    process.go()
    below = await until(lambda: pids(tmp_path / "f"))
    os.kill(segments._server.pid, signal.SIGKILL)
    assert "killed by SIGKILL" in await asyncio.wait_for(segments.died, 10)
    with pytest.raises(LonghaulError, match="no child can be started"):
        await segments.start(segment_job("succeed"), tmp_path / "log")
    with pytest.raises(LonghaulError, match="the fork server ended"):
        await process.wait()
    await process.end()
    await until(lambda: not any(is_running(pid) for pid in below[:2]))
    # What has daemonized is found by the fork server only.
    os.kill(below[2], signal.SIGKILL)


async def test_a_module_that_cannot_be_preloaded_or_starts_a_thread_is_refused_in_words() -> None:
    with pytest.raises(LonghaulError, match="the module missing cannot be imported"):
        async with open_segments(modules=("missing",)):
            pass
    with pytest.raises(LonghaulError, match="left-behind") as refused:
        async with open_segments(modules=("leaves_a_thread",)):
            pass
    assert refused.value.code == "CONFIG"


async def test_a_child_that_wants_more_memory_than_granted_gets_none(tmp_path: Path) -> None:
    async with open_segments(limits=ChildLimits(memory_bytes=256 * 2**20)) as segments:
        updates, _ = await run(segments, segment_job("eat_memory", bytes=2**30), tmp_path / "log")
        assert updates[-1][1]["error"]["type"] == "MemoryError"
        assert await value_of(segments, segment_job("eat_memory", bytes=2**20), tmp_path) == 2**20


async def test_a_child_that_uses_up_its_cpu_time_is_ended_and_says_why(tmp_path: Path) -> None:
    async with open_segments(limits=ChildLimits(cpu_seconds=1)) as segments:
        _, code = await run(segments, segment_job("burn_cpu"), tmp_path / "log")
    assert "CPU time" in describe_exit(code)


async def test_children_leave_no_core_dumps_and_keep_to_their_files(tmp_path: Path) -> None:
    async with open_segments(limits=ChildLimits(files=100)) as segments:
        seen = await value_of(segments, segment_job("limits"), tmp_path)
    assert seen["RLIMIT_CORE"] == 0
    assert seen["RLIMIT_NOFILE"] == 100


async def test_many_children_at_once_do_not_mix(tmp_path: Path) -> None:
    async with open_segments() as segments:
        jobs = [{**segment_job("succeed"), "taskState": {"n": n}} for n in range(12)]
        seen = await asyncio.gather(*(value_of(segments, job, tmp_path / str(n)) for n, job in enumerate(jobs)))
    assert [each["taskState"]["n"] for each in seen] == list(range(12))
