"""What the tests of processes share: jobs, waits for conditions, a worker in this process or in one of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.worker import Worker

from longhaul_airflow.activities.ports import Supervision
from longhaul_airflow.processes.await_trigger import TriggerWaits
from longhaul_airflow.processes.segments import Segments, SegmentsOptions
from longhaul_airflow.processes.supervise import SegmentRunner
from longhaul_airflow.processes.triggers import TriggerLoop
from longhaul_airflow.settings import ChildLimits
from longhaul_airflow.task.trial import trial_context

HERE = Path(__file__).parent
SCRIPTED = "scripted_runtime:load_runtime"
THROTTLE = timedelta(seconds=1)


def segment_job(script: str, kind: str = "execute", **parameters: Any) -> Any:
    return {
        "kind": kind,
        "operator": {"module": "scripted", "name": script, "parameters": parameters},
        "task": trial_context("t"),
        "token": "lh-token-1",
        "connections": {},
        "variables": {},
        "xcoms": {},
        "taskState": {},
        "allowed": {},
    }


def trigger_job(name: str, deadline_at: int | None = None, **kwargs: Any) -> Any:
    trigger: dict[str, Any] = {"classpath": name, "kwargs": kwargs}
    if deadline_at is not None:
        trigger["deadlineAt"] = deadline_at
    return {
        "trigger": trigger,
        "task": trial_context("t"),
        "token": "lh-token-1",
        "connections": {},
        "variables": {},
        "allowed": {},
    }


async def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition never came true"
        await asyncio.sleep(0.02)
    return found


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def pids(path: Path) -> list[int]:
    return [int(word) for line in lines(path) if line.startswith("pids") for word in line.split()[1:]]


def is_running(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


@contextlib.asynccontextmanager
async def open_segments(**options: Any) -> AsyncIterator[Segments]:
    segments = Segments(options.get("limits", ChildLimits()))
    environment = options.pop("environment", {"PATH": os.environ["PATH"]})
    await segments.open(SegmentsOptions(major=3, environment=environment, runtime=SCRIPTED, **options))
    try:
        yield segments
    finally:
        await segments.close()


def supervision(folder: Path, kill_grace_s: float = 5.0) -> Supervision:
    """Protects as the activities do, in a way that a test can see."""

    def protect(details: Any, secrets: Any) -> Any:
        return {**details, "protectedFrom": list(secrets)}

    def reveal(details: Any) -> Any:
        return {key: value for key, value in details.items() if key != "protectedFrom"}

    return Supervision(log_path=folder / "segment.log", protect=protect, reveal=reveal, kill_grace_s=kill_grace_s)


class Activities:
    """The least that a worker needs to run segments and triggers."""

    def __init__(self, segments: Segments | None, triggers: TriggerLoop | None, around: Supervision) -> None:
        self._segments = None if segments is None else SegmentRunner(segments)
        self._triggers = None if triggers is None else TriggerWaits(triggers)
        self._around = around

    @activity.defn
    async def segment(self, job: dict[str, Any]) -> Any:
        assert self._segments is not None
        return await self._segments.run(job, self._around)  # type: ignore[arg-type]

    @activity.defn
    async def trigger(self, job: dict[str, Any]) -> Any:
        assert self._triggers is not None
        return await self._triggers.wait(job, self._around)  # type: ignore[arg-type]


@workflow.defn(sandboxed=False)
class OneActivity:
    """The part of the task workflow that counts here: one long step, waited for when it is canceled."""

    @workflow.run
    async def run(self, call: dict[str, Any]) -> Any:
        return await workflow.execute_activity(
            call["activity"],
            call["job"],
            task_queue=call["queue"],
            heartbeat_timeout=timedelta(seconds=call.get("heartbeatS", 3)),
            start_to_close_timeout=timedelta(minutes=10),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), backoff_coefficient=1),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )


@dataclass(frozen=True)
class Bench:
    """A server, a queue, and a worker for the workflow that outlives those for the activities."""

    client: Client
    queue: str
    folder: Path

    async def start(self, kind: str, job: Any, **call: Any) -> Any:
        return await self.client.start_workflow(
            OneActivity.run,
            {"activity": kind, "job": job, "queue": f"{self.queue}-activities", **call},
            id=f"{self.queue}-{os.urandom(4).hex()}",
            task_queue=self.queue,
        )

    def worker(self, activities: Activities, **options: Any) -> Worker:
        return Worker(
            self.client,
            task_queue=f"{self.queue}-activities",
            activities=[activities.segment, activities.trigger],
            max_concurrent_activities=options.pop("slots", 1000),
            max_heartbeat_throttle_interval=THROTTLE,
            default_heartbeat_throttle_interval=THROTTLE,
            graceful_shutdown_timeout=timedelta(seconds=options.pop("grace_s", 0)),
            **options,
        )

    async def worker_process(self, *more: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "worker_process.py"),
            self.client.service_client.config.target_host,
            self.queue,
            str(self.folder),
            *more,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
        )
        assert process.stdout is not None
        assert (await process.stdout.readline()).startswith(b"ready")
        return process


async def pending_details(handle: Any) -> Any:
    """Heartbeat details as the server has them."""
    described = await handle.describe()
    pending = described.raw_description.pending_activities
    if not pending or not pending[0].heartbeat_details.payloads:
        return None
    return (await described.data_converter.decode(pending[0].heartbeat_details.payloads))[0]
