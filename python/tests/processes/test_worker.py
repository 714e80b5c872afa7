"""The whole worker as people start it, with the Airflow of this environment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import pytest
from process_helpers import is_running, until
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

from longhaul_airflow.runtime.load import detect_major

pytestmark = pytest.mark.asyncio
MAJOR = detect_major()


@workflow.defn(sandboxed=False)
class Task:
    """The path of the task workflow without its troubles: create, then whatever `next` says, until it is done."""

    @workflow.run
    async def run(self, spec: dict[str, Any]) -> Any:
        category = {"name": "airflow", "version": "1"}
        request = {
            "template": {"type": "airflow", "version": "1", "custom": spec},
            "inputs": {},
            "idempotencyToken": f"lh-{workflow.info().run_id}-1",
        }
        call = {"taskCategory": category, "request": request}
        observed = await self.call("create", f"airflow{MAJOR}:control", call)
        steps = []
        while observed["observation"]["next"]["kind"] == "execute":
            observation = observed["observation"]
            steps.append(observation["meta"]["step"]["kind"])
            queue = observation["next"]["profile"]["taskQueue"]
            observed = await self.call("execute", queue, {"taskCategory": category, "meta": observation["meta"]})
        return {
            "steps": steps,
            "next": observed["observation"]["next"],
            "resource": observed["observation"]["resource"],
        }

    async def call(self, name: str, queue: str, call_input: Any) -> Any:
        return await workflow.execute_activity(
            name,
            call_input,
            task_queue=queue,
            start_to_close_timeout=timedelta(minutes=1),
            heartbeat_timeout=timedelta(seconds=30),
        )


@contextlib.asynccontextmanager
async def started(address: str, folder: Path, *flags: str, **env: str) -> AsyncIterator[Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "longhaul_airflow",
        *flags,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(address, folder, env),
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def environment(address: str, folder: Path, more: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "LONGHAUL_"))}
    ours = {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "TEMPORAL_ADDRESS": address,
        "LONGHAUL_HOME": str(folder),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "LONGHAUL_AIRFLOW_PRELOAD": "airflow.providers.standard.operators.bash",
    }
    return {**kept, **ours, **more}


async def ready_line(process: Any) -> str:
    line: bytes = await asyncio.wait_for(process.stdout.readline(), 60)
    assert line, (await process.stderr.read()).decode()
    return line.decode()


async def run_task(address: str, spec: dict[str, Any]) -> Any:
    client = await Client.connect(address)
    queue = f"tasks-{os.urandom(4).hex()}"
    async with Worker(client, task_queue=queue, workflows=[Task]):
        return await asyncio.wait_for(client.execute_workflow(Task.run, spec, id=queue, task_queue=queue), 60)


async def test_a_worker_says_what_it_serves_runs_tasks_and_ends_with_its_parent(address: str, tmp_path: Path) -> None:
    bash = {
        "operator": "airflow.providers.standard.operators.bash.BashOperator",
        "parameters": {"bash_command": "echo hello {{ params.who }}"},
        "params": {"who": "world"},
    }
    sensor = {
        "operator": "airflow.providers.standard.sensors.date_time.DateTimeSensorAsync",
        "parameters": {"target_time": "2000-01-01T00:00:00+00:00"},
    }
    async with started(address, tmp_path, "worker", "--with-parent", "--allow-shell-operators") as process:
        queues = ", ".join(f"airflow{MAJOR}{part}" for part in ("", ":operators", ":triggers", ":control"))
        assert await ready_line(process) == (
            f"The worker serves {queues} of default at {address} with Apache Airflow {version('apache-airflow')}. "
            "Ctrl-C ends it in order.\n"
        )
        below = [each.pid for each in psutil.Process(process.pid).children(recursive=True)]
        done = await run_task(address, bash)
        assert done["resource"]["phase"] == "SUCCEEDED"
        assert "hello world" in done["resource"]["outputs"].values()
        deferred = await run_task(address, sensor)
        assert deferred["steps"] == ["execute", "trigger", "resume"]
        assert deferred["resource"]["phase"] == "SUCCEEDED"
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 30) == 0
        assert below
        await until(lambda: not any(is_running(pid) for pid in below))


async def test_ctrl_c_ends_a_worker_in_order(address: str, tmp_path: Path) -> None:
    async with started(address, tmp_path, "worker") as process:
        await ready_line(process)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_a_worker_whose_fork_server_died_ends_and_says_so(address: str, tmp_path: Path) -> None:
    async with started(address, tmp_path, "worker") as process:
        await ready_line(process)
        (server,) = psutil.Process(process.pid).children()
        server.kill()
        assert await asyncio.wait_for(process.wait(), 30) == 70
        assert b"the fork server ended, killed by SIGKILL" in await process.stderr.read()


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"LONGHAUL_AIRFLOW_POKES": "few"}, "CONFIG: LONGHAUL_AIRFLOW_POKES=few: must be a whole number"),
        ({"LONGHAUL_AIRFLOW_PRELOAD": "no_such_module"}, "no_such_module"),
    ],
)
async def test_a_bad_configuration_is_said_in_words_with_its_exit_code(
    address: str, tmp_path: Path, env: dict[str, str], words: str
) -> None:
    async with started(address, tmp_path, "worker", **env) as process:
        _, errors = await process.communicate()
        assert process.returncode == 6
        assert words in errors.decode()


async def test_a_parent_that_can_never_be_seen_to_leave_is_refused(address: str, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "longhaul_airflow",
        "worker",
        "--with-parent",
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment(address, tmp_path, {}),
    )
    _, errors = await process.communicate()
    assert process.returncode == 6
    assert "--with-parent needs a pipe" in errors.decode()


async def test_another_major_than_the_one_installed_is_refused(address: str, tmp_path: Path) -> None:
    other = "2" if MAJOR == 3 else "3"
    async with started(address, tmp_path, "worker", "--airflow", other) as process:
        _, errors = await process.communicate()
        assert process.returncode == 6
        assert f"this environment has Apache Airflow {version('apache-airflow')}" in errors.decode()


async def test_an_unreachable_temporal_is_named(tmp_path: Path) -> None:
    async with started("127.0.0.1:9", tmp_path, "worker") as process:
        _, errors = await process.communicate()
        assert process.returncode == 41
        assert "Temporal at 127.0.0.1:9 cannot be reached" in errors.decode()


async def test_check_tries_airflow_and_shows_the_allow_list_on_a_clean_output(tmp_path: Path) -> None:
    async with started("127.0.0.1:9", tmp_path, "check") as process:
        output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        assert output.decode().splitlines()[0].startswith("longhaul-airflow")
        assert "self-test          passed" in output.decode()
        assert "shell operators  off" in output.decode()
        assert "trigger starting" not in output.decode()
