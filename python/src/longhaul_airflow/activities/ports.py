"""What the activities need of the rest: how segments run, how triggers are awaited, where logs and secrets are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from longhaul_airflow.segment import SegmentJob, SegmentResult, TriggerJob, TriggerOutcome
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.wire import JsonObject


@dataclass(frozen=True)
class Supervision:
    """What surrounds one run of a segment or one wait for a trigger.

    Heartbeat details go to Temporal's history store: they pass `protect` with every secret known so far, and `reveal`
    when a later try reads them.
    """

    log_path: Path
    protect: Callable[[JsonObject, Sequence[str]], JsonObject]
    reveal: Callable[[JsonObject], JsonObject]
    kill_grace_s: float = 30.0


class SegmentPort(Protocol):
    async def run(self, job: SegmentJob, supervision: Supervision) -> SegmentResult:
        """Runs one segment in a child, heartbeating.

        A cancel by the user is answered (`canceled`, `cancel_failed`); a worker that shuts down hands the segment over
        with a retryable failure.
        """
        ...


class TriggerPort(Protocol):
    async def wait(self, job: TriggerJob, supervision: Supervision) -> TriggerOutcome:
        """Waits for the trigger's event, heartbeating. A cancel is raised."""
        ...


class ProjectsPort(Protocol):
    def allowed_for(self, project: str | None) -> AllowList: ...
