"""What a worker tries before it takes tasks: whether the installed Airflow does what this package expects of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.processes.segments import Segments, describe_exit
from longhaul_airflow.processes.triggers import TriggerLoop
from longhaul_airflow.segment import Deferral, SegmentJob, SegmentResult, TriggerJob, TriggerOutcome
from longhaul_airflow.task.trial import trial_context
from longhaul_airflow.wire import OperatorSpec

_PATIENCE_S = 60.0
_EMPTY: OperatorSpec = {
    "module": "airflow.providers.standard.operators.empty",
    "name": "EmptyOperator",
    "parameters": {},
}
# Defers until a moment that has long passed: its trigger's event comes at once.
_DEFERRED: OperatorSpec = {
    "module": "airflow.providers.standard.sensors.date_time",
    "name": "DateTimeSensorAsync",
    "parameters": {"target_time": "2000-01-01T00:00:00+00:00"},
}
_ALLOWED = {"operators": ["airflow.providers.standard.*"], "triggers": ["airflow.providers.standard.*"]}


@dataclass(frozen=True)
class SelfTest:
    segments: Segments
    triggers: TriggerLoop
    log_path: Path


async def self_test(parts: SelfTest) -> float:
    """Seconds it took.

    @raises LonghaulError CONFIG naming the Airflow and what went otherwise.
    """
    began = time.monotonic()
    _expect("success", await _segment(parts, _job(_EMPTY)), "an empty operator")
    deferred = await _segment(parts, _job(_DEFERRED))
    _expect("deferred", deferred, "a deferrable sensor")
    deferral = deferred["deferral"]
    outcome = await _trigger(parts, deferral)
    if outcome["kind"] != "event":
        raise _not_understood(f"a trigger ended with {outcome['kind']} where its event was due: {outcome}")
    _expect("success", await _segment(parts, _resumed(deferral, outcome)), "a resumed sensor")
    return time.monotonic() - began


async def _segment(parts: SelfTest, job: SegmentJob) -> SegmentResult:
    process = await parts.segments.start(job, parts.log_path)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while (update := await process.next_update()) is not None:
                kind, data = update
                if kind == "begun":
                    process.go()
                elif kind == "result":
                    result: SegmentResult = data
                    return result
                elif kind == "crash":
                    raise _not_understood(f"a segment crashed with {data['type']}: {data['message']}")
            raise _not_understood(f"a segment ended without a result: {describe_exit(await process.wait())}")
    except TimeoutError:
        raise _not_understood(f"a segment did not end within {_PATIENCE_S:g} s") from None
    finally:
        await process.end()


async def _trigger(parts: SelfTest, deferral: Deferral) -> TriggerOutcome:
    job: TriggerJob = {
        "trigger": {"classpath": deferral["classpath"], "kwargs": deferral["kwargs"]},
        "task": trial_context("self-test"),
        "token": "self-test",
        "connections": {},
        "variables": {},
        "allowed": _ALLOWED,
        "logPath": str(parts.log_path),
    }
    try:
        return await asyncio.wait_for(parts.triggers.begin(job).outcome, _PATIENCE_S)
    except TimeoutError:
        raise _not_understood(f"a trigger sent no event within {_PATIENCE_S:g} s") from None


def _expect(state: str, result: SegmentResult, what: str) -> None:
    if result["unknownMessages"]:
        raise _not_understood(f"{what} sent messages nobody here knows: {', '.join(result['unknownMessages'])}")
    if result["state"] != state:
        error = result.get("error", {"type": "no error", "message": "no message"})
        raise _not_understood(f"{what} ended {result['state']}, not {state} ({error['type']}: {error['message']})")


def _resumed(deferral: Deferral, outcome: TriggerOutcome) -> SegmentJob:
    return {
        **_job(_DEFERRED),
        "kind": "resume",
        "nextMethod": deferral["nextMethod"],
        "nextKwargs": deferral["nextKwargs"],
        "event": outcome.get("event"),
    }


def _job(operator: OperatorSpec) -> SegmentJob:
    return {
        "kind": "execute",
        "operator": operator,
        "task": trial_context("self-test"),
        "token": "self-test",
        "connections": {},
        "variables": {},
        "xcoms": {},
        "taskState": {},
        "allowed": _ALLOWED,
    }


def _not_understood(what: str) -> LonghaulError:
    return LonghaulError(
        "CONFIG",
        f"Apache Airflow {version('apache-airflow')} is not understood by this worker: {what}",
        advice="Install requirements/airflow3.txt or requirements/airflow2.txt unchanged, or a newer longhaul-airflow.",
    )
