"""The border to Airflow: which major is installed, and what the rest of the worker asks of it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.segment import SegmentJob, SegmentResult, TriggerOutcome, TriggerSurroundings, UpdateKind
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.wire import TriggerSpec

# The task runners of these minors were read and tried; others may differ in what they ask of their supervisor.
KNOWN = {3: re.compile(r"^3\.3\.\d+$"), 2: re.compile(r"^2\.11\.\d+$")}


class Channel(Protocol):
    """From the child to its supervisor."""

    def send(self, kind: UpdateKind, data: Foreign) -> None: ...

    def wait_for_go(self) -> None: ...


class Runtime(Protocol):
    """One Airflow major. `preload` and `configure_logging` once per process, `run` once per child."""

    major: int

    def preload(self, modules: Sequence[str]) -> None:
        """Import Airflow and `modules` and run one empty segment, so that forked children start warm.

        @raises LonghaulError CONFIG: a module that cannot be imported, or one that left a thread behind.
        """

    def configure_logging(self, log_fd: int) -> None:
        """In the child: JSON lines to `log_fd`, with what Airflow masks masked."""

    def run(self, job: SegmentJob, channel: Channel) -> SegmentResult:
        """In the child, on its main thread: one segment. Never raises for what the task did or named."""

    def prepare_worker(self) -> None:
        """Once in the worker process: what triggers may ask of Airflow, and no metadata database."""

    def make_trigger(self, trigger: TriggerSpec, allowed: AllowList) -> Foreign:
        """@raises LonghaulError PERMISSION_DENIED or INVALID_TASK."""

    def trigger_scope(self, job: TriggerSurroundings) -> AbstractContextManager[None]:
        """Inside it, and in tasks begun inside it, look-ups see this task's connections and variables only."""

    def trigger_outcome(self, event: Foreign) -> TriggerOutcome:
        """Of the first event; to be asked inside the scope, whose secrets it names."""

    def trigger_failed(self, error: BaseException | None) -> TriggerOutcome:
        """Of a trigger that raised, or (None) that ended without an event."""


def detect_major() -> int:
    """@raises LonghaulError CONFIG for an Airflow that is missing or not understood."""
    try:
        installed = version("apache-airflow")
    except PackageNotFoundError:
        raise LonghaulError(
            "CONFIG",
            "Apache Airflow is not installed in this Python environment",
            advice="Install requirements/airflow3.txt or requirements/airflow2.txt into it.",
        ) from None
    return major_of(installed)


def major_of(installed: str) -> int:
    for major, pattern in KNOWN.items():
        if pattern.match(installed):
            return major
    raise LonghaulError(
        "CONFIG",
        f"Apache Airflow {installed} is not understood by this worker; 3.3.x and 2.11.x are",
        advice="Install requirements/airflow3.txt or requirements/airflow2.txt.",
    )


def load_runtime(major: int) -> Runtime:
    """Imports Airflow only when the runtime is first used: configure the process before that."""
    if major not in KNOWN:
        raise LonghaulError("CONFIG", f"Airflow {major} is not supported; 3 and 2 are")
    module = importlib.import_module(f"longhaul_airflow.runtime.airflow{major}")
    runtime: Runtime = module.RUNTIME
    return runtime
