"""From how Airflow's runner ended to the segment's result, the same on every major."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import cast

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.runtime import results
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.killing import stop_abandoned
from longhaul_airflow.runtime.major import Segment
from longhaul_airflow.segment import Deferral, SegmentResult, SegmentState, empty_result
from longhaul_airflow.wire import JsonObject, LogLink


@dataclass(frozen=True)
class Ended:
    """`state` in Airflow's words."""

    state: str
    error: BaseException | None
    xcoms: JsonObject
    links: list[LogLink]
    operator_state: JsonObject
    task_state: JsonObject
    unknown: list[str]
    dag_world: list[str]
    started_at_ms: int


def finished(segment: Segment, ended: Ended) -> SegmentResult:
    result: SegmentResult = {
        **empty_result(cast("SegmentState", ended.state)),
        "xcoms": ended.xcoms,
        "links": ended.links,
        "operatorState": ended.operator_state,
        "taskState": ended.task_state,
        "unknownMessages": ended.unknown,
    }
    if ended.error is not None:
        result["error"] = results.error_of(ended.error)
    return results.explained(result, segment.scope, ended.error, ended.dag_world)


def deferral(waits: Deferral, timeout: dt.timedelta | None, left: dt.timedelta | None) -> Deferral:
    """The shorter of the deferral's own time-out and what is left of the try."""
    limits = [limit for limit in (timeout, left) if limit is not None]
    if not limits:
        return waits
    return {**waits, "timeoutMs": max(0, int(min(limits).total_seconds() * 1000))}


def refuse_unlisted_trigger(segment: Segment, waits: Deferral, started: Foreign = None) -> None:
    """Said now, where the operator is known, and not by the worker that would have to wait for it.

    `started` is the operator whose `execute` ran: nobody will wait for what it began, so it is stopped.

    @raises LonghaulError PERMISSION_DENIED
    """
    try:
        segment.scope.allowed.check_trigger(waits["classpath"])
    except LonghaulError:
        if started is not None:
            stop_abandoned(started)
        raise


def invalid_context(error: Exception) -> LonghaulError:
    """Params that do not fit their own rules, dates that are none: Airflow's words for it."""
    return LonghaulError("INVALID_TASK", f"params: {type(error).__name__}: {error}", field="params")
