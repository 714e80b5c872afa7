"""One segment in a child, the same steps on every major: scope, refusals, `begun`, Airflow's own code, result."""

from __future__ import annotations

import logging

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.runtime import hooks, results
from longhaul_airflow.runtime.killing import kill
from longhaul_airflow.runtime.load import Channel
from longhaul_airflow.runtime.major import Major, Segment
from longhaul_airflow.runtime.masking import GuardedChannel, mask_job
from longhaul_airflow.runtime.operator import build, limit_execution
from longhaul_airflow.runtime.secrets_backend import Scope, enter_process_scope
from longhaul_airflow.segment import Repeatable, SegmentJob, SegmentResult, empty_result
from longhaul_airflow.task.allow_list import AllowList

_log = logging.getLogger("airflow.task.longhaul")


def run_segment(job: SegmentJob, channel: Channel, major: Major) -> SegmentResult:
    """Never raises for what the task named or did: a refusal is a result too, with our code."""
    masker = major.masker()
    try:
        segment = _begin(job, channel, major)
        return results.guarded(_KINDS[job["kind"]](segment, major), masker)
    except LonghaulError as error:
        _log.error("%s: %s %s", error.code, error, error.advice or "")
        return results.guarded(results.refused(error), masker)


def _begin(job: SegmentJob, channel: Channel, major: Major) -> Segment:
    """Masks come first: nothing of the task is imported, logged or sent before them."""
    allowed = AllowList.from_json(job["allowed"])
    mask_job(major.masker(), job)
    scope = Scope(job["task"], job["connections"], job["variables"], allowed)
    enter_process_scope(scope)
    return Segment(job, GuardedChannel(channel, major.masker()), scope)


def _announce(segment: Segment, repeatable: Repeatable) -> None:
    """Our parent puts on record that the user's code begins; only then may it."""
    segment.channel.send("begun", repeatable)
    segment.channel.wait_for_go()


def _task(segment: Segment, major: Major) -> SegmentResult:
    built = build(segment.job, major.classes(), segment.scope.allowed)
    limit_execution(built)
    _announce(segment, built.repeatable)
    return {**major.run_task(segment, built), "repeatable": built.repeatable}


def _kill(segment: Segment, major: Major) -> SegmentResult:
    """May always be repeated: a job is stopped once."""
    built = build(segment.job, major.classes(), segment.scope.allowed)
    _announce(segment, "readOnly")
    return kill(segment, built, major)


def _hook(segment: Segment, major: Major) -> SegmentResult:
    """Nobody knows what the method does, so it is never repeated on its own."""
    method, args = hooks.bound_method(segment.job, major.base_hook(), segment.scope.allowed)
    _announce(segment, None)
    try:
        answer = hooks.call(method, args)
    except Exception as error:
        _log.exception("The hook's method failed")
        failed: SegmentResult = {**empty_result("failed"), "error": results.error_of(error), "repeatable": None}
        return results.explained(failed, segment.scope, error, [])
    value = hooks.as_json(answer, method.__name__)
    xcoms = {} if value is None else {"return_value": value}
    return {**empty_result("success"), "xcoms": xcoms, "repeatable": None}


_KINDS = {"execute": _task, "resume": _task, "kill": _kill, "hook": _hook}
