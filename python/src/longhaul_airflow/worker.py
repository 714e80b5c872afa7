"""Composition: four Temporal workers over one fork server and one trigger loop, from start to an orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.envconfig import ClientConfigProfile
from temporalio.service import RPCError
from temporalio.worker import Worker

from longhaul_airflow.activities.connector_activities import ConnectorActivities, Dependencies
from longhaul_airflow.console import say
from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.logs.task_logs import TaskLogs
from longhaul_airflow.processes.await_trigger import TriggerWaits
from longhaul_airflow.processes.engine_room import EngineRoom, open_engine_room
from longhaul_airflow.processes.process_tree import hide_from_children
from longhaul_airflow.processes.supervise import SegmentRunner
from longhaul_airflow.secrets.sealing import FileSealing
from longhaul_airflow.secrets.task_secrets import TaskSecrets
from longhaul_airflow.settings import Settings
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.task.projects import Projects

Activity = Callable[..., Awaitable[Any]]

# State that was reported longer ago than this is lost with the worker at most.
_HEARTBEAT_THROTTLE = timedelta(seconds=1)
# Activities are coroutines; files and host names are all that threads are for.
_THREADS = 4


@dataclass(frozen=True)
class Queue:
    name: str
    slots: int
    activities: Sequence[Activity]


async def run_worker(settings: Settings, *, with_parent: bool) -> str | None:
    """Serves tasks until it is told to stop. None after an orderly end, else why it ended.

    @raises LonghaulError CONFIG before anything is served; UNAVAILABLE when Temporal cannot be reached.
    """
    # What is wrong with these is said before the seconds that Airflow takes to start.
    projects = open_projects(settings)
    secrets = _open_secrets(settings)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
    stop = asyncio.Event()
    _stop_on_signals(stop)
    if with_parent:
        _stop_on_end_of_input(stop)
    room = await open_engine_room(settings)
    hide_from_children()
    client, address = await _connect(settings)
    logs = TaskLogs(settings.logs_folder)
    await asyncio.to_thread(logs.remove_old)
    dependencies = Dependencies(
        airflow_major=settings.major,
        segments=SegmentRunner(room.segments),
        triggers=TriggerWaits(room.triggers),
        projects=projects,
        secrets=secrets,
        logs=logs,
        queue=settings.task_queue,
        kill_grace_s=settings.kill_grace_s,
    )
    queues = _queues(settings, ConnectorActivities(dependencies))
    return await _serve(_Service(client, address, queues, settings, room, stop))


@dataclass(frozen=True)
class _Service:
    client: Client
    address: str
    queues: Sequence[Queue]
    settings: Settings
    room: EngineRoom
    stop: asyncio.Event


async def _serve(service: _Service) -> str | None:
    workers = [_worker(service, queue) for queue in service.queues]
    running = [asyncio.create_task(worker.run()) for worker in workers]
    stopping = asyncio.create_task(service.stop.wait())
    say(_ready_line(service))
    ends: list[asyncio.Future[Any]] = [stopping, service.room.segments.died, *running]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if service.room.segments.died.done():
        # At once: the children end with this process, and their tries are repeated elsewhere where that is allowed.
        return f"{service.room.segments.died.result()}; start the worker again"
    failed = next((task.exception() for task in running if task.done()), None)
    await asyncio.gather(*(worker.shutdown() for worker in workers), return_exceptions=True)
    await service.room.segments.close()
    return None if failed is None else f"a task queue is no longer served: {failed}"


def _worker(service: _Service, queue: Queue) -> Worker:
    return Worker(
        service.client,
        task_queue=queue.name,
        activities=queue.activities,
        max_concurrent_activities=queue.slots,
        max_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        default_heartbeat_throttle_interval=_HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=timedelta(seconds=service.settings.shutdown_grace_s),
    )


def _queues(settings: Settings, activities: ConnectorActivities) -> list[Queue]:
    """Slots of their own: thousands of waits must not starve eight processes, nor a backlog of pokes a cancel."""
    name, slots = settings.task_queue, settings.slots
    return [
        Queue(name, slots.pokes, activities.pokes()),
        Queue(f"{name}:operators", slots.operators, activities.executes()),
        Queue(f"{name}:triggers", slots.triggers, activities.executes()),
        Queue(f"{name}:control", slots.control, activities.control()),
    ]


def open_projects(settings: Settings) -> Projects:
    base = AllowList()
    if settings.shell_operators:
        base = replace(base, shell_operators=True)
    return Projects(settings.allow_file, base)


def _open_secrets(settings: Settings) -> TaskSecrets:
    sealing = None if settings.sealing_keys_file is None else FileSealing(settings.sealing_keys_file)
    return TaskSecrets(env=os.environ, allowed=settings.secrets_allow, sealing=sealing)


async def _connect(settings: Settings) -> tuple[Client, str]:
    """Temporal's standard variables and profiles, as the Temporal CLI reads them."""
    config = _connect_config()
    address = config.get("target_host", "localhost:7233")
    identity = f"longhaul-airflow{settings.major} {os.getpid()}@{socket.gethostname()}"
    try:
        client = await Client.connect(**{**config, "target_host": address, "identity": identity})
    except (RPCError, RuntimeError) as error:
        raise LonghaulError(
            "UNAVAILABLE",
            f"Temporal at {address} cannot be reached: {error}",
            advice="Check TEMPORAL_ADDRESS, and TEMPORAL_TLS and TEMPORAL_API_KEY where it wants them.",
        ) from None
    return client, address


def _connect_config() -> dict[str, Any]:
    """A variable set to nothing counts as not set, as everywhere in Longhaul."""
    given = {name: value for name, value in os.environ.items() if value}
    try:
        return {**ClientConfigProfile.load(override_env_vars=given).to_client_connect_config()}
    except (RuntimeError, ValueError, TypeError) as error:
        raise LonghaulError(
            "CONFIG",
            f"The Temporal client configuration cannot be read: {error}",
            advice="Check TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE and the TEMPORAL_TLS_* variables.",
        ) from None


def _stop_on_signals(stop: asyncio.Event) -> None:
    """The first signal ends the worker in order; with the second one nobody waits any more."""

    def on_signal() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, on_signal)


def _stop_on_end_of_input(stop: asyncio.Event) -> None:
    """Whoever started this process holds its standard input: when that closes, by SIGKILL too, nobody is left."""
    fd = sys.stdin.fileno()
    loop = asyncio.get_running_loop()

    def on_input() -> None:
        if not os.read(fd, 4096):
            loop.remove_reader(fd)
            stop.set()

    try:
        loop.add_reader(fd, on_input)
    except PermissionError:
        raise LonghaulError(
            "CONFIG",
            "--with-parent needs a pipe as standard input; this one never closes",
            advice="Start the worker without --with-parent, or hand it a pipe.",
        ) from None


def _ready_line(service: _Service) -> str:
    names = ", ".join(queue.name for queue in service.queues)
    return (
        f"The worker serves {names} of {service.client.namespace} at {service.address} "
        f"with Apache Airflow {service.room.airflow_version}. Ctrl-C ends it in order."
    )
