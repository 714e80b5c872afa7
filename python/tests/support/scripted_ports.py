"""Ports that answer what a test says, and remember what they were asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from longhaul_airflow.activities.ports import Supervision, TriggerJob
from longhaul_airflow.segment import SegmentJob, SegmentResult, TriggerOutcome


class ScriptedSegments:
    def __init__(self) -> None:
        self.jobs: list[SegmentJob] = []
        self.supervisions: list[Supervision] = []
        self.answer: Callable[[SegmentJob], SegmentResult] | None = None

    async def run(self, job: SegmentJob, supervision: Supervision) -> SegmentResult:
        self.jobs.append(job)
        self.supervisions.append(supervision)
        if self.answer is None:
            raise AssertionError("no segment was expected")
        return self.answer(job)

    def says(self, result: Any) -> None:
        def answer(_job: SegmentJob) -> SegmentResult:
            if isinstance(result, BaseException):
                raise result
            return result

        self.answer = answer


class ScriptedTriggers:
    def __init__(self) -> None:
        self.jobs: list[TriggerJob] = []
        self.outcome: TriggerOutcome | None = None
        self.waiting = asyncio.Event()

    async def wait(self, job: TriggerJob, _supervision: Supervision) -> TriggerOutcome:
        self.jobs.append(job)
        self.waiting.set()
        if self.outcome is None:
            await asyncio.Event().wait()
        assert self.outcome is not None
        return self.outcome
