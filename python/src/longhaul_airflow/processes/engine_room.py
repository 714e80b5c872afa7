"""What runs tasks, without Temporal: the fork server, the trigger loop, and the proof that Airflow is understood."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import version

from longhaul_airflow.processes.child_environment import child_environment
from longhaul_airflow.processes.preload import DEFAULT_RUNTIME, find_runtime
from longhaul_airflow.processes.segments import Segments, SegmentsOptions
from longhaul_airflow.processes.self_test import SelfTest, self_test
from longhaul_airflow.processes.triggers import TriggerLoop
from longhaul_airflow.runtime.configure import configure_process
from longhaul_airflow.settings import Settings


@dataclass(frozen=True)
class EngineRoom:
    airflow_version: str
    segments: Segments
    triggers: TriggerLoop
    self_test_s: float


async def open_engine_room(settings: Settings, runtime: str = DEFAULT_RUNTIME) -> EngineRoom:
    """@raises LonghaulError CONFIG when the installed Airflow cannot be used."""
    segments = Segments(settings.limits)
    await segments.launch(_segments_options(settings, runtime))
    try:
        loop = _open_triggers(settings, runtime)
        await segments.await_ready()
        log_path = settings.logs_folder / "self-test.log"
        log_path.unlink(missing_ok=True)
        took_s = await self_test(SelfTest(segments, loop, log_path))
    except BaseException:
        await segments.close()
        raise
    return EngineRoom(version("apache-airflow"), segments, loop, took_s)


def _segments_options(settings: Settings, runtime: str) -> SegmentsOptions:
    environment = child_environment(os.environ, settings.child_environment)
    configure_process(_airflow_home(settings), environment)
    return SegmentsOptions(
        major=settings.major,
        environment=environment,
        log_path=settings.logs_folder / "fork-server.log",
        modules=settings.preload,
        modules_if_installed=settings.preload_if_installed,
        limits=settings.limits,
        runtime=runtime,
    )


def _open_triggers(settings: Settings, runtime: str) -> TriggerLoop:
    """Triggers run in this process, so Airflow is imported here too."""
    configure_process(_airflow_home(settings))
    found = find_runtime(runtime, settings.major)
    found.prepare_worker()
    loop = TriggerLoop(found)
    loop.start()
    return loop


def _airflow_home(settings: Settings) -> str:
    """The operator's own configuration of Airflow, where there is one."""
    return os.environ.get("AIRFLOW_HOME") or str(settings.home / f"airflow{settings.major}")
