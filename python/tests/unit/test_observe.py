"""Every way a segment or a trigger may end, and what the workflow is told about it."""

import json
from typing import get_args

import pytest
from payloads import faults_of
from tasks import FILE_SENSOR, NOW_MS, deferral, meta_of, result

from longhaul_airflow.activities.observe import (
    MESSAGE_LIMIT,
    XCOMS_LIMIT_BYTES,
    View,
    first_observation,
    fitting_xcoms,
    observe_segment,
    observe_trigger,
    same_step,
)
from longhaul_airflow.segment import SegmentState
from longhaul_airflow.task.job_id import find_job_id

ERROR = {"type": "ValueError", "message": "no such table"}
OPERATORS = {"kind": "execute", "profile": {"taskQueue": "airflow3:operators", "heartbeatMs": 30_000}}
TRIGGERS = {"kind": "execute", "profile": {"taskQueue": "airflow3:triggers", "heartbeatMs": 40_000}}
POLL = {"taskQueue": "airflow3", "startToCloseMs": 86_400_000, "heartbeatMs": 30_000}


def failed(code, cause, **decision):
    return {"kind": "done", "verdict": {"kind": "failed", "code": code, "cause": cause, "decision": decision}}


NEVER = "Airflow retries this error never"
SUCCEEDED = {"kind": "done", "verdict": {"kind": "succeeded"}}
FAIL_UNKNOWN = failed(
    "OUTCOME_UNKNOWN",
    "unknown",
    action="fail",
    reason="the operator has neither a token nor a state by which its job is found again",
)
CANCELED = failed("CANCELED", "user", action="fail", reason="a canceled task is not tried again")


def with_retries(retries, tried=1):
    meta = meta_of()
    return {**meta, "task": {**meta["task"], "retries": retries, "tryNumber": tried}}


# state, what came with it, the meta before, phase, message, step, next
TABLE = [
    ("success", {}, meta_of(), "SUCCEEDED", "the operator succeeded", "ended", SUCCEEDED),
    ("skipped", {"error": ERROR}, meta_of(), "SUCCEEDED", "skipped: no such table", "ended", SUCCEEDED),
    ("skipped", {}, meta_of(), "SUCCEEDED", "skipped: the operator skipped itself", "ended", SUCCEEDED),
    (
        "failed",
        {"error": ERROR},
        meta_of(),
        "FAILED",
        "ValueError: no such table",
        "ended",
        failed("JOB_FAILED", "user", action="fail", reason="try 1 of 1 was the last"),
    ),
    (
        "failed",
        {"error": {"type": "AirflowSensorTimeout", "message": ""}},
        with_retries(2),
        "FAILED",
        "AirflowSensorTimeout",
        "ended",
        failed("JOB_FAILED", "user", action="fail", reason=NEVER),
    ),
    (
        "failed",
        {"error": ERROR, "code": "UNSUPPORTED"},
        with_retries(2),
        "FAILED",
        "ValueError: no such table",
        "ended",
        failed("UNSUPPORTED", "user", action="fail", reason=NEVER),
    ),
    (
        "failed",
        {"code": "SOMETHING_ELSE"},
        with_retries(2),
        "FAILED",
        "the operator failed",
        "ended",
        failed("JOB_FAILED", "user", action="fail", reason=NEVER),
    ),
    (
        "up_for_retry",
        {"error": ERROR, "retryDelayMs": 5_000},
        with_retries(2),
        "FAILED",
        "ValueError: no such table",
        "ended",
        failed("JOB_FAILED", "user", action="retryAfter", delayMs=5_000, reason="Airflow retries: try 1 of 3 failed"),
    ),
    (
        "up_for_retry",
        {},
        with_retries(1),
        "FAILED",
        "the operator failed",
        "ended",
        failed("JOB_FAILED", "user", action="retryAfter", delayMs=300_000, reason="Airflow retries: try 1 of 2 failed"),
    ),
    (
        "up_for_reschedule",
        {"rescheduleAt": NOW_MS + 60_000, "firstStartedAt": NOW_MS - 1},
        meta_of(),
        "RUNNING",
        "next poke at 2023-11-14T22:15:20Z",
        "poke",
        {"kind": "poll", "afterMs": 60_000, "profile": POLL},
    ),
    (
        "deferred",
        {"deferral": deferral()},
        meta_of(),
        "RUNNING",
        "deferred: waiting for DatabricksExecutionTrigger",
        "trigger",
        TRIGGERS,
    ),
    (
        "lost",
        {"error": ERROR},
        with_retries(1),
        "FAILED",
        "no such table",
        "ended",
        failed("JOB_FAILED", "platform", action="retry", reason="the process died in try 1 of 2"),
    ),
    (
        "lost",
        {"repeatable": "readOnly"},
        with_retries(1, tried=2),
        "FAILED",
        "the process of the operator died",
        "ended",
        failed("JOB_FAILED", "platform", action="retry", reason="the process died, and the operator may be run again"),
    ),
    (
        "lost",
        {"repeatable": "token", "error": ERROR},
        with_retries(1),
        "RUNNING",
        "no such table; what it left running is stopped first",
        "kill",
        OPERATORS,
    ),
    (
        "lost",
        {"repeatable": None},
        meta_of(),
        "FAILED",
        "the process of the operator died",
        "ended",
        failed("JOB_FAILED", "platform", action="fail", reason="the process died, and the task has no retries left"),
    ),
    ("unknown", {}, meta_of(), "FAILED", "an earlier try may have run; it is not repeated", "ended", FAIL_UNKNOWN),
    ("canceled", {"killedBy": "operator"}, meta_of(), "ABORTED", "stopped: on_kill of operator ran", "ended", CANCELED),
    ("killed", {"killedBy": "trigger"}, meta_of(), "ABORTED", "stopped: on_kill of trigger ran", "ended", CANCELED),
    (
        "killed",
        {"killedBy": "nothing had begun"},
        meta_of(),
        "ABORTED",
        "stopped: nothing had begun",
        "ended",
        CANCELED,
    ),
    (
        "cancel_failed",
        {"error": ERROR},
        meta_of(),
        "RUNNING",
        "asked to stop, not confirmed yet: no such table",
        "kill",
        OPERATORS,
    ),
    (
        "kill_pending",
        {},
        meta_of(),
        "RUNNING",
        "asked to stop, not confirmed yet: on_kill is not confirmed yet",
        "kill",
        OPERATORS,
    ),
]


def observed(meta, state, **more):
    observation = observe_segment(View(meta, "airflow3", NOW_MS), result(state, **more))
    assert faults_of("executeResult", {"observation": observation, "externalId": "x"}) == []
    return observation


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_each_state_has_its_phase_its_words_and_its_next_step(row):
    state, more, meta, phase, message, step, next_step = row
    observation = observed(meta, state, **more)
    assert observation["resource"]["phase"] == phase
    assert observation["resource"]["message"] == message
    assert observation["meta"]["step"]["kind"] == step
    assert observation["next"] == next_step


def test_the_table_covers_every_state():
    assert {row[0] for row in TABLE} == set(get_args(SegmentState))


@pytest.mark.parametrize(("retries", "tried"), [(1, 1), (1, 2)])
def test_a_lost_attempt_is_tried_again_once_what_it_left_running_is_stopped(retries, tried):
    lost = observed(with_retries(retries, tried), "lost", repeatable="token", error=ERROR)
    ended = observed(lost["meta"], "killed", killedBy="operator")
    assert (ended["resource"]["phase"], ended["resource"]["message"]) == ("FAILED", "no such table")
    assert ended["next"]["verdict"]["cause"] == "platform"
    assert ended["next"]["verdict"]["decision"]["action"] == "retry"


def test_only_success_and_skip_are_green():
    green = {row[0] for row in TABLE if row[6] == SUCCEEDED}
    assert green == {"success", "skipped"}


def test_a_skip_is_told_apart_by_its_custom_info():
    info = observed(meta_of(), "skipped")["resource"]["customInfo"]
    assert info == {
        "airflowState": "skipped",
        "tryNumber": 1,
        "airflowMajor": 3,
        "operator": "DatabricksSubmitRunOperator",
    }


def test_outputs_are_all_xcoms_the_task_pushed_in_any_segment():
    meta = meta_of(xcoms={"earlier": 1, "return_value": "old"})
    observation = observed(meta, "success", xcoms={"return_value": {"rows": 3}})
    assert observation["resource"]["outputs"] == {"earlier": 1, "return_value": {"rows": 3}}
    assert observation["meta"]["xcoms"] == {}


def test_xcoms_travel_on_while_the_task_goes_on():
    observation = observed(meta_of(xcoms={"a": 1}), "deferred", deferral=deferral(), xcoms={"b": 2})
    assert observation["meta"]["xcoms"] == {"a": 1, "b": 2}
    assert "outputs" not in observation["resource"]


def test_the_largest_xcoms_are_left_out_beyond_the_limit_and_that_is_said():
    xcoms = {"small": 1, "large": "x" * 300_000, "larger": "y" * 400_000}
    observation = observed(meta_of(), "success", xcoms=xcoms)
    assert set(observation["resource"]["outputs"]) == {"small", "large"}
    assert "left out: larger (390 KiB)" in observation["resource"]["message"]
    kept, said = fitting_xcoms({"a": "x" * (XCOMS_LIMIT_BYTES - 10)})
    assert (len(kept), said) == (1, "")


def test_what_goes_on_keeps_within_the_limit_too():
    observation = observed(meta_of(), "deferred", deferral=deferral(), xcoms={"large": "x" * 600_000, "b": 2})
    assert observation["meta"]["xcoms"] == {"b": 2}
    assert "left out" in observation["resource"]["message"]


def test_messages_are_cut():
    observation = observed(meta_of(), "failed", error={"type": "E", "message": "x" * 5_000})
    assert len(observation["resource"]["message"]) == MESSAGE_LIMIT


def test_a_deferral_keeps_all_that_a_resume_or_a_kill_needs():
    meta = meta_of(operatorState={"cluster": "c"})
    deferred = deferral(timeoutMs=90_000, nextKwargs={"a": 1})
    after = observed(meta, "deferred", deferral=deferred, operatorState={"run_id": 7}, taskState={"k": "v"})["meta"]
    assert after["airflowTrigger"] == {
        "classpath": deferred["classpath"],
        "kwargs": {"run_id": 4711},
        "deadlineAt": NOW_MS + 90_000,
    }
    assert (after["airflowTriggerCallback"], after["nextKwargs"]) == ("execute_complete", {"a": 1})
    assert after["operatorState"] == {"cluster": "c", "run_id": 7}
    assert after["taskState"] == {"k": "v"}
    assert after["jobId"] == "7"


def test_a_sensor_keeps_the_start_of_its_first_poke():
    first = observed(meta_of({"operator": FILE_SENSOR}), "up_for_reschedule", rescheduleAt=NOW_MS + 9, firstStartedAt=5)
    assert first["meta"]["step"] == {"kind": "poke", "firstStartedAt": 5, "nextPokeAt": NOW_MS + 9}
    again = observed(first["meta"], "up_for_reschedule", rescheduleAt=NOW_MS - 9, firstStartedAt=NOW_MS)
    assert again["meta"]["step"] == {"kind": "poke", "firstStartedAt": 5, "nextPokeAt": NOW_MS - 9}
    assert again["next"]["afterMs"] == 0


def test_links_are_shown_until_newer_ones_come():
    links = [{"name": "Run", "uri": "https://x/7"}]
    deferred = observed(meta_of(), "deferred", deferral=deferral(), links=links)
    assert deferred["resource"]["logLinks"] == links
    resumed = observe_trigger(View(deferred["meta"], "airflow3", NOW_MS), {"kind": "event", "event": {}, "secrets": []})
    assert resumed["resource"]["logLinks"] == links
    ended = observed(resumed["meta"], "success", links=[{"name": "Run", "uri": "https://x/8"}])
    assert ended["resource"]["logLinks"] == [{"name": "Run", "uri": "https://x/8"}]


def test_an_ended_task_has_no_trigger_left():
    deferred = observed(meta_of(), "deferred", deferral=deferral())["meta"]
    assert not {"airflowTrigger", "airflowTriggerCallback", "nextKwargs"} & set(observed(deferred, "failed")["meta"])


def waiting():
    return observed(meta_of(), "deferred", deferral=deferral(nextKwargs={"a": 1}))["meta"]


def after_trigger(outcome):
    observation = observe_trigger(View(waiting(), "airflow3", NOW_MS), {"secrets": [], **outcome})
    assert faults_of("executeResult", {"observation": observation, "externalId": "x"}) == []
    return observation


@pytest.mark.parametrize(
    ("outcome", "step", "message"),
    [
        (
            {"kind": "event", "event": {"status": "ok"}},
            {"kind": "resume", "nextMethod": "execute_complete", "nextKwargs": {"a": 1}, "event": {"status": "ok"}},
            "the trigger fired: execute_complete is next",
        ),
        (
            {"kind": "fail", "traceback": ["ValueError: x"]},
            {
                "kind": "resume",
                "nextMethod": "__fail__",
                "nextKwargs": {"error": "Trigger failure", "traceback": ["ValueError: x"]},
            },
            "the trigger failed: the operator is resumed to say how it ends",
        ),
        (
            {"kind": "timeout"},
            {"kind": "resume", "nextMethod": "__fail__", "nextKwargs": {"error": "Trigger timeout", "traceback": []}},
            "the trigger timed out: the operator is resumed to say how it ends",
        ),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else "",
)
def test_a_trigger_that_ends_resumes_its_task(outcome, step, message):
    observation = after_trigger(outcome)
    assert observation["meta"]["step"] == step
    assert observation["resource"]["message"] == message
    assert observation["next"] == OPERATORS
    assert "airflowTrigger" not in observation["meta"]


@pytest.mark.parametrize(
    ("state", "phase", "message"),
    [
        ("success", "SUCCEEDED", "the trigger ended the task: success"),
        ("skipped", "SUCCEEDED", "skipped: by the trigger"),
        ("failed", "FAILED", "the trigger ended the task: failed"),
        ("something", "FAILED", "the trigger ended the task: something"),
    ],
)
def test_a_trigger_may_end_its_task_without_a_resume(state, phase, message):
    observation = after_trigger({"kind": "end", "state": state, "xcoms": {"return_value": 5}})
    assert (observation["resource"]["phase"], observation["resource"]["message"]) == (phase, message)
    assert observation["meta"]["step"] == {"kind": "ended"}
    if phase == "SUCCEEDED":
        assert observation["resource"]["outputs"] == {"return_value": 5}


def test_a_new_task_goes_to_the_queue_of_the_operators():
    observation = first_observation(View(meta_of(), "airflow2", NOW_MS))
    assert observation["next"]["profile"]["taskQueue"] == "airflow2:operators"
    assert observation["resource"]["phase"] == "RUNNING"


def test_a_look_at_a_task_that_waits_for_no_poke_sends_it_back_to_its_step():
    assert same_step(View(waiting(), "airflow3", NOW_MS))["next"] == TRIGGERS
    assert same_step(View(meta_of(), "airflow3", NOW_MS))["next"] == OPERATORS


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (({"run_id": 7, "job_id": 1}, {"run_id": 8}), "7"),
        (({"job_id": 1}, {"run_id": "8"}), "8"),
        (({}, {"__var": {"run_id": 9}, "__type": "dict"}), "9"),
        (({"statement_id": "01ef"},), "01ef"),
        (({"batch_id": ""}, {"query_id": True}, {"job_id": {"a": 1}}), None),
        (({"run_id": "x" * 300},), None),
        ((None, [1], "text"), None),
    ],
)
def test_the_jobs_id_is_the_surest_name_that_any_place_has(places, expected):
    assert find_job_id(*places) == expected


def test_observations_are_json():
    for state, more, meta, *_ in TABLE:
        assert json.loads(json.dumps(observed(meta, state, **more))) == observed(meta, state, **more)
