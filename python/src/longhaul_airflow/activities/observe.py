"""What the workflow is told: segment or trigger outcome → observation. Pure; every decision is made here.

What comes in has been redacted; what must be kept secret in the new meta is sealed by the caller afterwards.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never, get_args

from longhaul_airflow.segment import SegmentResult, SegmentState, TriggerOutcome
from longhaul_airflow.task.job_id import find_job_id
from longhaul_airflow.task.metadata import work_of
from longhaul_airflow.wire import (
    AirflowMetadata,
    ErrorCode,
    JsonObject,
    Observation,
    Phase,
    Resource,
    ResumeStep,
    Step,
    TriggerSpec,
)

MESSAGE_LIMIT = 1_000
XCOMS_LIMIT_BYTES = 512 * 1024
SEGMENT_HEARTBEAT_MS = 30_000
TRIGGER_HEARTBEAT_MS = 40_000
# A lost worker is seen by its heartbeats; no hidden cap may end a healthy poke.
POKE_START_TO_CLOSE_MS = 24 * 3_600_000
# Airflow's own default.
DEFAULT_RETRY_DELAY_MS = 300_000

# Airflow's names for a resume after a trigger that gave no event.
FAIL_METHOD = "__fail__"
TRIGGER_FAILURE = "Trigger failure"
TRIGGER_TIMEOUT = "Trigger timeout"

OUR_CODES = frozenset(get_args(ErrorCode))


@dataclass(frozen=True)
class View:
    """What a decision may look at beside the outcome. `queue`: the base of the names of our task queues."""

    meta: AirflowMetadata
    queue: str
    now_ms: int


def first_observation(view: View) -> Observation:
    """Nothing was started: the first segment is the workflow's next step."""
    return _going_on(view, view.meta, message="ready to run", state="queued", next_step=operators_next(view.queue))


def operators_next(queue: str) -> JsonObject:
    profile = {"taskQueue": f"{queue}:operators", "heartbeatMs": SEGMENT_HEARTBEAT_MS}
    return {"kind": "execute", "profile": profile}


def triggers_next(queue: str) -> JsonObject:
    profile = {"taskQueue": f"{queue}:triggers", "heartbeatMs": TRIGGER_HEARTBEAT_MS}
    return {"kind": "execute", "profile": profile}


def poll_next(view: View, poke_at_ms: int) -> JsonObject:
    profile = {
        "taskQueue": view.queue,
        "startToCloseMs": POKE_START_TO_CLOSE_MS,
        "heartbeatMs": SEGMENT_HEARTBEAT_MS,
    }
    return {"kind": "poll", "afterMs": max(0, poke_at_ms - view.now_ms), "profile": profile}


def same_step(view: View) -> Observation:
    """A look at a task that does not wait for a poke: what it does now, again."""
    step = view.meta["step"]["kind"]
    next_step = triggers_next(view.queue) if step == "trigger" else operators_next(view.queue)
    return _going_on(view, view.meta, message=f"at step {step}", state="running", next_step=next_step)


def observe_segment(view: View, result: SegmentResult) -> Observation:
    """Every state a segment may end in."""
    view = View(_learned(view.meta, result), view.queue, view.now_ms)
    return _OUTCOMES[result["state"]](view, result)


def _learned(meta: AirflowMetadata, result: SegmentResult) -> AirflowMetadata:
    """The operator is built anew for each segment, so its state is added to what earlier ones left."""
    xcoms = {**meta["xcoms"], **result["xcoms"]}
    operator_state = {**meta["operatorState"], **result["operatorState"]}
    learned: AirflowMetadata = {
        **meta,
        "xcoms": xcoms,
        "operatorState": operator_state,
        "taskState": result["taskState"],
    }
    deferral_kwargs = result["deferral"]["kwargs"] if "deferral" in result else None
    job_id = find_job_id(operator_state, result["taskState"], xcoms, deferral_kwargs)
    if job_id is not None:
        learned["jobId"] = job_id
    if result["links"]:
        learned["links"] = result["links"]
    return learned


def _succeeded(view: View, result: SegmentResult) -> Observation:
    is_skipped = result["state"] == "skipped"
    message = f"skipped: {_why(result) or 'the operator skipped itself'}" if is_skipped else "the operator succeeded"
    return _success(view, message, result["state"])


def _success(view: View, message: str, airflow_state: str) -> Observation:
    outputs, left_out = fitting_xcoms(view.meta["xcoms"])
    said = f"{message}; {left_out}" if left_out else message
    ended = Ending("SUCCEEDED", said, airflow_state, {"kind": "succeeded"}, outputs)
    return _ended(view, ended)


def _failed(view: View, result: SegmentResult) -> Observation:
    code: str = result.get("code") or "JOB_FAILED"
    message = _error_text(result) or "the operator failed"
    task = view.meta["task"]
    tries = task["retries"] + 1
    never = task["tryNumber"] < tries
    reason = "Airflow retries this error never" if never else f"try {task['tryNumber']} of {tries} was the last"
    if code not in OUR_CODES:
        code = "JOB_FAILED"
    cause = "user" if code != "INTERNAL" else "platform"
    verdict = _verdict(code, cause, {"action": "fail", "reason": reason})
    return _ended(view, Ending("FAILED", message, "failed", verdict))


def _up_for_retry(view: View, result: SegmentResult) -> Observation:
    task = view.meta["task"]
    delay_ms = result.get("retryDelayMs", DEFAULT_RETRY_DELAY_MS)
    reason = f"Airflow retries: try {task['tryNumber']} of {task['retries'] + 1} failed"
    verdict = _verdict("JOB_FAILED", "user", {"action": "retryAfter", "delayMs": delay_ms, "reason": reason})
    message = _error_text(result) or "the operator failed"
    return _ended(view, Ending("FAILED", message, "up_for_retry", verdict))


def _lost(view: View, result: SegmentResult) -> Observation:
    """What the dead process may have left running is stopped first: a new attempt would run beside it."""
    why = _why(result) or "the process of the operator died"
    if result.get("repeatable") not in ("token", "state"):
        return _lost_attempt(view, why, is_repeatable=result.get("repeatable") is not None)
    step: Step = {"kind": "kill", "reason": _cut(why), "after": "lost"}
    meta: AirflowMetadata = {**view.meta, "step": step}
    message = f"{why}; what it left running is stopped first"
    return _going_on(view, meta, message=message, state="lost", next_step=operators_next(view.queue))


def _lost_attempt(view: View, why: str, *, is_repeatable: bool) -> Observation:
    """Airflow counts a process that died as a failed try; what may be repeated is, whatever the retries."""
    task = view.meta["task"]
    if task["tryNumber"] <= task["retries"]:
        reason = f"the process died in try {task['tryNumber']} of {task['retries'] + 1}"
        decision = {"action": "retry", "reason": reason}
    elif is_repeatable:
        decision = {"action": "retry", "reason": "the process died, and the operator may be run again"}
    else:
        decision = {"action": "fail", "reason": "the process died, and the task has no retries left"}
    return _ended(view, Ending("FAILED", why, "lost", _verdict("JOB_FAILED", "platform", decision)))


def _unknown(view: View, result: SegmentResult) -> Observation:
    message = _why(result) or "an earlier try may have run; it is not repeated"
    decision = {
        "action": "fail",
        "reason": "the operator has neither a token nor a state by which its job is found again",
    }
    return _ended(view, Ending("FAILED", message, "unknown", _verdict("OUTCOME_UNKNOWN", "unknown", decision)))


def _canceled(view: View, result: SegmentResult) -> Observation:
    step = view.meta["step"]
    if step["kind"] == "kill" and step.get("after") == "lost":
        return _lost_attempt(view, step["reason"], is_repeatable=True)
    decision = {"action": "fail", "reason": "a canceled task is not tried again"}
    message = f"stopped: {killed_by(result)}"
    return _ended(view, Ending("ABORTED", message, "canceled", _verdict("CANCELED", "user", decision)))


def killed_by(result: SegmentResult) -> str:
    by = result.get("killedBy")
    return f"on_kill of {by} ran" if by in ("operator", "trigger") else by or "on_kill ran"


def _kill_owed(view: View, result: SegmentResult) -> Observation:
    """Goes back to the workflow, whose `delete` repeats the kill until it is confirmed."""
    reason = _why(result) or "on_kill is not confirmed yet"
    meta: AirflowMetadata = {**view.meta, "step": {"kind": "kill", "reason": _cut(reason)}}
    message = f"asked to stop, not confirmed yet: {reason}"
    return _going_on(view, meta, message=message, state="running", next_step=operators_next(view.queue))


def _rescheduled(view: View, result: SegmentResult) -> Observation:
    poke_at = result.get("rescheduleAt", view.now_ms)
    step = view.meta["step"]
    first = step["firstStartedAt"] if step["kind"] == "poke" else result.get("firstStartedAt", view.now_ms)
    meta: AirflowMetadata = {
        **view.meta,
        "step": {"kind": "poke", "firstStartedAt": first, "nextPokeAt": poke_at},
    }
    next_step = poll_next(view, poke_at)
    return _going_on(view, meta, message=poke_message(poke_at), state="up_for_reschedule", next_step=next_step)


def poke_message(poke_at_ms: int) -> str:
    at = dt.datetime.fromtimestamp(poke_at_ms / 1000, dt.UTC)
    return f"next poke at {at.strftime('%Y-%m-%dT%H:%M:%SZ')}"


def _deferred(view: View, result: SegmentResult) -> Observation:
    deferral = result["deferral"]
    trigger: TriggerSpec = {"classpath": deferral["classpath"], "kwargs": deferral["kwargs"]}
    if "timeoutMs" in deferral:
        trigger["deadlineAt"] = view.now_ms + deferral["timeoutMs"]
    meta: AirflowMetadata = {
        **view.meta,
        "airflowTrigger": trigger,
        "airflowTriggerCallback": deferral["nextMethod"],
        "nextKwargs": deferral["nextKwargs"],
        "step": {"kind": "trigger"},
    }
    message = f"deferred: waiting for {deferral['classpath'].rpartition('.')[2]}"
    return _going_on(view, meta, message=message, state="deferred", next_step=triggers_next(view.queue))


def observe_trigger(view: View, outcome: TriggerOutcome) -> Observation:
    """A trigger's own error or time-out is a result: Airflow resumes the task with it, and the task may catch it."""
    match outcome["kind"]:
        case "event":
            return _resumed(view, outcome)
        case "fail":
            error = {"error": TRIGGER_FAILURE, "traceback": outcome.get("traceback", [])}
            return _resumed_failed(view, error, "the trigger failed")
        case "timeout":
            return _resumed_failed(view, {"error": TRIGGER_TIMEOUT, "traceback": []}, "the trigger timed out")
        case "end":
            return _ended_by_trigger(view, outcome)
        case kind:
            assert_never(kind)


def _resumed(view: View, outcome: TriggerOutcome) -> Observation:
    step: ResumeStep = {
        "kind": "resume",
        "nextMethod": view.meta.get("airflowTriggerCallback", "execute_complete"),
        "nextKwargs": view.meta.get("nextKwargs", {}),
        "event": outcome.get("event"),
    }
    meta: AirflowMetadata = {**_without_trigger(view.meta), "step": step}
    message = f"the trigger fired: {step['nextMethod']} is next"
    return _going_on(view, meta, message=message, state="scheduled", next_step=operators_next(view.queue))


def _resumed_failed(view: View, error: JsonObject, words: str) -> Observation:
    step: Step = {"kind": "resume", "nextMethod": FAIL_METHOD, "nextKwargs": error}
    meta: AirflowMetadata = {**_without_trigger(view.meta), "step": step}
    message = f"{words}: the operator is resumed to say how it ends"
    return _going_on(view, meta, message=message, state="scheduled", next_step=operators_next(view.queue))


def _ended_by_trigger(view: View, outcome: TriggerOutcome) -> Observation:
    """`end_from_trigger`: the task ends without another segment."""
    meta: AirflowMetadata = {**view.meta, "xcoms": {**view.meta["xcoms"], **outcome.get("xcoms", {})}}
    ended = View(meta, view.queue, view.now_ms)
    state = outcome.get("state", "failed")
    if state == "success":
        return _success(ended, "the trigger ended the task: success", state)
    if state == "skipped":
        return _success(ended, "skipped: by the trigger", state)
    verdict = _verdict("JOB_FAILED", "user", {"action": "fail", "reason": "the trigger ended the task"})
    return _ended(ended, Ending("FAILED", f"the trigger ended the task: {state}", state, verdict))


def _without_trigger(meta: AirflowMetadata) -> AirflowMetadata:
    kept: AirflowMetadata = {**meta}
    kept.pop("airflowTrigger", None)
    kept.pop("airflowTriggerCallback", None)
    kept.pop("nextKwargs", None)
    return kept


def fitting_xcoms(xcoms: JsonObject) -> tuple[JsonObject, str]:
    """Temporal takes 2 MiB a message: beyond 512 KiB in all the largest go first. The second part says which."""
    sizes = {key: len(json.dumps(value).encode()) + len(key) for key, value in xcoms.items()}
    kept = dict(xcoms)
    left_out = []
    for key in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if sum(sizes[name] for name in kept) <= XCOMS_LIMIT_BYTES:
            break
        left_out.append(f"{key} ({sizes[key] // 1024} KiB)")
        kept.pop(key)
    if not left_out:
        return kept, ""
    return kept, f"XComs beyond 512 KiB in all were left out: {', '.join(left_out)}"


@dataclass(frozen=True)
class Ending:
    phase: Phase
    message: str
    airflow_state: str
    verdict: JsonObject
    outputs: JsonObject | None = None


def _ended(view: View, ending: Ending) -> Observation:
    resource = _resource(view.meta, ending.phase, ending.message, ending.airflow_state)
    if ending.outputs is not None:
        resource["outputs"] = ending.outputs
    # The outputs have them: twice would be twice as much history.
    meta: AirflowMetadata = {**_without_trigger(view.meta), "xcoms": {}, "step": {"kind": "ended"}}
    return {"meta": meta, "resource": resource, "next": {"kind": "done", "verdict": ending.verdict}}


def _going_on(view: View, meta: AirflowMetadata, *, message: str, state: str, next_step: JsonObject) -> Observation:
    kept, left_out = fitting_xcoms(meta["xcoms"])
    said = f"{message}; {left_out}" if left_out else message
    resource = _resource(view.meta, "RUNNING", said, state)
    return {"meta": {**meta, "xcoms": kept}, "resource": resource, "next": next_step}


def _resource(meta: AirflowMetadata, phase: Phase, message: str, airflow_state: str) -> Resource:
    resource: Resource = {
        "phase": phase,
        "message": _cut(message),
        "customInfo": {
            "airflowState": airflow_state,
            "tryNumber": meta["task"]["tryNumber"],
            "airflowMajor": meta["airflowMajor"],
            "operator": work_of(meta)["name"],
        },
    }
    if meta.get("links"):
        resource["logLinks"] = meta["links"]
    return resource


def _verdict(code: str, cause: str, decision: JsonObject) -> JsonObject:
    return {"kind": "failed", "code": code, "cause": cause, "decision": decision}


def _why(result: SegmentResult) -> str:
    return result["error"]["message"] if "error" in result else ""


def _error_text(result: SegmentResult) -> str:
    if "error" not in result:
        return ""
    error = result["error"]
    return f"{error['type']}: {error['message']}" if error["message"] else error["type"]


def _cut(message: str) -> str:
    return message if len(message) <= MESSAGE_LIMIT else f"{message[: MESSAGE_LIMIT - 1]}…"


_OUTCOMES: dict[SegmentState, Callable[[View, SegmentResult], Observation]] = {
    "success": _succeeded,
    "skipped": _succeeded,
    "failed": _failed,
    "up_for_retry": _up_for_retry,
    "up_for_reschedule": _rescheduled,
    "deferred": _deferred,
    "lost": _lost,
    "unknown": _unknown,
    "canceled": _canceled,
    "killed": _canceled,
    "cancel_failed": _kill_owed,
    "kill_pending": _kill_owed,
}
