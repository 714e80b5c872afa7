"""Cancel means stopped: `on_kill` under a user's SIGTERM, and the `kill` segment that goes on until it is confirmed."""

from __future__ import annotations

import contextvars
import logging
import sys
import threading
import time
from collections.abc import Callable

from longhaul_airflow.runtime import remote_jobs, results
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.load import Channel
from longhaul_airflow.runtime.major import Major, Rendered, Segment
from longhaul_airflow.runtime.operator import Built
from longhaul_airflow.runtime.scalars import OperatorWatch, changed, restore, scalars
from longhaul_airflow.segment import SegmentJob, SegmentResult, empty_result
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.wire import JsonObject

_log = logging.getLogger("airflow.task.longhaul")

CONFIRM_WITHIN_SECONDS = 5.0
LOOK_EVERY_SECONDS = 1.0
# A fence's submit may wait for a slow provider; after this the segment is repeated with the same token.
FENCE_WITHIN_SECONDS = 60.0


def report_on_kill(built: Built, live: Callable[[], Foreign], watch: OperatorWatch, channel: Channel) -> None:
    """Airflow's SIGTERM handler calls `task.on_kill()`; what came of it is what our parent waits for.

    Airflow also calls it when `execution_timeout` is over: that is no cancel and is not reported.
    """

    def on_kill() -> None:
        operator = live()
        if type(sys.exc_info()[1]).__name__ == "AirflowTaskTimeout":
            type(operator).on_kill(operator)
            return
        channel.send("onKill", _kill_now(operator, watch))

    object.__setattr__(built.operator, "on_kill", on_kill)


def kill(segment: Segment, built: Built, major: Major) -> SegmentResult:
    """Safe to repeat: it stops what is there and says `kill_pending` until the provider shows the end."""
    job = segment.job
    rendered = major.rendered(segment, built)
    operator = rendered.operator
    restore(operator, job.get("operatorState", {}))
    remote_jobs.restore_run_id(operator, job)
    if job.get("fence") and not remote_jobs.run_id(operator) and built.repeatable is not None:
        return _fence(job, rendered, major)
    known = remote_jobs.look(operator)
    if known.terminal and known.words:
        return _killed(job, operator, f"nothing left to stop: {known.words}")
    try:
        by = _stop(job, operator, major)
    except BaseException as error:
        _log.exception("on_kill failed; it will be tried again")
        return {**_pending(job, operator, "on_kill failed"), "error": results.error_of(error)}
    return _confirmed(job, operator, by)


def stop_abandoned(operator: Foreign) -> None:
    """Of a task that is refused after its `execute`: once, since no later segment would try again."""
    try:
        type(operator).on_kill(operator)
    except Exception:
        _log.exception("on_kill of the refused task failed: what it started may still run")


def _kill_now(operator: Foreign, watch: OperatorWatch) -> JsonObject:
    """One quick look only: the user waits, and a `kill` segment goes on where it was not enough."""
    report: JsonObject = {"ok": True, "by": "operator.on_kill", "confirmed": False}
    try:
        type(operator).on_kill(operator)
    except BaseException as error:
        _log.exception("on_kill failed")
        report |= {"ok": False, "error": f"{type(error).__name__}: {error}"[:2000]}
    else:
        report["confirmed"] = remote_jobs.look(operator).terminal is True
    return report | {"operatorState": watch.state()}


def _stop(job: SegmentJob, operator: Foreign, major: Major) -> str:
    """Airflow 3.3 asks the trigger first; most have no `on_kill`, then the operator's own knows best."""
    trigger = job.get("trigger")
    if trigger is not None:
        allowed = AllowList.from_json(job["allowed"])
        if major.kill_trigger(major.make_trigger(trigger, allowed)):
            return "trigger.on_kill"
    type(operator).on_kill(operator)
    return "operator.on_kill"


def _confirmed(job: SegmentJob, operator: Foreign, by: str) -> SegmentResult:
    until = time.monotonic() + CONFIRM_WITHIN_SECONDS
    state = remote_jobs.look(operator)
    while not state.terminal and time.monotonic() < until:
        time.sleep(LOOK_EVERY_SECONDS)
        state = remote_jobs.look(operator)
    if state.terminal:
        return _killed(job, operator, f"{by}: {state.words}" if state.words else by)
    return _pending(job, operator, f"{by}: {state.words}")


def _fence(job: SegmentJob, rendered: Rendered, major: Major) -> SegmentResult:
    """A submit of unknown outcome may be committed late: the same request with the same token finds the run or is it.

    Either way there is one run, and it is stopped as soon as it has a name.
    """
    operator = rendered.operator
    remote_jobs.end_early(operator)
    before = scalars(dict(vars(operator)))
    ended = _in_thread(lambda: major.call_execute(rendered))
    until = time.monotonic() + FENCE_WITHIN_SECONDS
    while time.monotonic() < until and not _is_named(operator, before):
        if ended.wait(0.1):
            break
    if _is_named(operator, before) or (ended.is_set() and ended.error is None):
        return _stop_fenced(job, operator)
    if remote_jobs.submit_was_refused(ended.error):
        return _killed(job, operator, "nothing to stop: the provider refuses this job")
    return {**_pending(job, operator, "the job could not be found yet"), "error": _fence_error(ended.error)}


class _Ended(threading.Event):
    error: BaseException | None = None


def _in_thread(work: Callable[[], Foreign]) -> _Ended:
    """The main thread stays free to stop the job; the process ends with this segment, whatever the thread does."""
    ended = _Ended()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            context.run(work)
        except BaseException as error:
            ended.error = error
        ended.set()

    threading.Thread(target=run, daemon=True, name="longhaul-fence").start()
    return ended


def _is_named(operator: Foreign, before: JsonObject) -> bool:
    if remote_jobs.run_id_attribute(operator) is not None:
        return bool(remote_jobs.run_id(operator))
    return bool(changed(before, scalars(dict(vars(operator)))))


def _stop_fenced(job: SegmentJob, operator: Foreign) -> SegmentResult:
    try:
        type(operator).on_kill(operator)
    except BaseException as error:
        return {**_pending(job, operator, "on_kill failed"), "error": results.error_of(error)}
    return _confirmed(job, operator, "operator.on_kill after finding the job by its token")


def _fence_error(error: BaseException | None) -> Foreign:
    if error is None:
        return {"type": "Timeout", "message": f"no answer to the submit within {FENCE_WITHIN_SECONDS:.0f} s"}
    return results.error_of(error)


def _killed(job: SegmentJob, operator: Foreign, by: str) -> SegmentResult:
    return {**empty_result("killed"), "killedBy": by, **_kept(job, operator)}


def _pending(job: SegmentJob, operator: Foreign, by: str) -> SegmentResult:
    return {**empty_result("kill_pending"), "killedBy": by, **_kept(job, operator)}


def _kept(job: SegmentJob, operator: Foreign) -> Foreign:
    """A fence learns the job's id: the next try must not submit again."""
    attribute = remote_jobs.run_id_attribute(operator)
    found = remote_jobs.run_id(operator)
    named = {attribute: found} if attribute and found else {}
    return {"operatorState": {**job.get("operatorState", {}), **named}, "taskState": job["taskState"]}
