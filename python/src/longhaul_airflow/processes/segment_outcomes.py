"""What the supervisor decides and says about a segment. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, cast

from longhaul_airflow.segment import Repeatable, SegmentError, SegmentJob, SegmentResult, SegmentState
from longhaul_airflow.wire import JsonObject

# Heartbeats repeat every other second: what is larger comes with the result only.
_XCOM_LIMIT_BYTES = 16 * 1024


class Details(TypedDict):
    """Heartbeat details: what the next try of the same activity must know."""

    begun: bool
    repeatable: Repeatable
    taskState: JsonObject
    operatorState: JsonObject
    xcoms: JsonObject


@dataclass(frozen=True)
class EarlierTries:
    """Of the same activity: whether the segment may have begun, and what it left."""

    may_have_begun: bool
    details: Details | None


def earlier_tries(details: Sequence[Any]) -> EarlierTries:
    """No child is told "go" before the server has acknowledged `begun`, so no such details prove that none began."""
    # An activity may beat with details of its own before it comes to its segment.
    if not details or not isinstance(details[0], dict) or "begun" not in details[0]:
        return EarlierTries(may_have_begun=False, details=None)
    return EarlierTries(may_have_begun=details[0]["begun"] is not False, details=cast(Details, details[0]))


def opening_details(job: SegmentJob, earlier: EarlierTries) -> Details:
    """State only grows from try to try: a worker lost before its child said anything must not wipe it out."""
    before = earlier.details
    return {
        "begun": earlier.may_have_begun,
        "repeatable": before["repeatable"] if before else None,
        "taskState": {**job["taskState"], **(before["taskState"] if before else {})},
        "operatorState": {**job.get("operatorState", {}), **(before["operatorState"] if before else {})},
        "xcoms": dict(before["xcoms"]) if before else {},
    }


def with_state(job: SegmentJob, details: Details) -> SegmentJob:
    """The job as the next try gets it: the operator finds its job again by what an earlier try had learned."""
    known: SegmentJob = {
        **job,
        "taskState": details["taskState"],
        "xcoms": {**job["xcoms"], **details["xcoms"]},
    }
    return {**known, "operatorState": details["operatorState"]} if job["kind"] == "kill" else known


def small_xcoms(xcoms: JsonObject) -> JsonObject:
    return {key: value for key, value in xcoms.items() if len(json.dumps(value)) <= _XCOM_LIMIT_BYTES}


def is_repeatable(job: SegmentJob, repeatable: Repeatable) -> bool:
    """`on_kill` is repeated until it is confirmed, by its nature."""
    return repeatable is not None or job["kind"] == "kill"


def owes_kill(job: SegmentJob, earlier: EarlierTries) -> bool:
    """Whether something may be left to stop although this try has run nothing yet."""
    return job["kind"] == "resume" or earlier.may_have_begun or bool(job["taskState"])


def made_result(
    state: SegmentState, details: Details, secrets: Iterable[str], *, error: SegmentError | None = None
) -> SegmentResult:
    """A result in the supervisor's own words, with all that is known of the segment's state."""
    result: SegmentResult = {
        "state": state,
        "xcoms": details["xcoms"],
        "links": [],
        "operatorState": details["operatorState"],
        "taskState": details["taskState"],
        "repeatable": details["repeatable"],
        "unknownMessages": [],
        "secrets": sorted(secrets),
    }
    return result if error is None else {**result, "error": error}
