"""`get` is one poke of a sensor."""

import json

import pytest
from activity_bench import POLICY, SECRET, get_input, on_wire, poking, waiting
from payloads import golden_payloads
from tasks import NOW_MS, deferral, result
from temporalio.exceptions import ApplicationErrorCategory

from longhaul_airflow.errors import LonghaulError

pytestmark = pytest.mark.asyncio


async def test_a_poke_that_saw_nothing_new_is_a_benign_failure_until_the_next_one(bench):
    bench.segments.says(result("up_for_reschedule", rescheduleAt=NOW_MS + 30_000))
    error = await bench.failure("get", get_input(poking()))
    assert error.type == "NotChanged"
    assert error.category is ApplicationErrorCategory.BENIGN
    assert error.next_retry_delay.total_seconds() == 30
    assert error.message == "RUNNING, next check in 30 s"
    assert error.non_retryable is False
    assert error.details[0] == {
        "phase": "RUNNING",
        "message": "next poke at 2023-11-14T22:14:50Z",
        "meta": poking(),
        "seenAt": NOW_MS,
        "nextCheckAt": NOW_MS + 30_000,
    }
    assert on_wire(error).stack_trace == ""
    job = bench.segments.jobs[0]
    assert (job["kind"], job["firstStartedAt"]) == ("execute", NOW_MS - 60_000)


async def test_the_first_try_waits_for_the_time_that_airflow_named(bench):
    error = await bench.failure("get", get_input(poking(nextPokeAt=NOW_MS + 45_000)))
    assert error.next_retry_delay.total_seconds() == 45
    assert bench.segments.jobs == []


async def test_later_tries_come_when_temporal_calls_them(bench):
    bench.segments.says(result("up_for_reschedule", rescheduleAt=NOW_MS + 9_000))
    error = await bench.failure("get", get_input(poking(nextPokeAt=NOW_MS + 45_000)), attempt=2)
    assert error.next_retry_delay.total_seconds() == 9
    assert len(bench.segments.jobs) == 1


async def test_a_look_keeps_its_distance_from_the_last_one(bench):
    error = await bench.failure("get", get_input(poking(), notBefore=NOW_MS + 2_000))
    assert error.next_retry_delay.total_seconds() == 2


async def test_no_pause_reaches_beyond_the_deadline_nor_below_a_second(bench):
    bench.segments.says(result("up_for_reschedule", rescheduleAt=NOW_MS + 90_000))
    error = await bench.failure("get", get_input(poking(), deadlineAt=NOW_MS + 12_000))
    assert error.next_retry_delay.total_seconds() == 10
    error = await bench.failure("get", get_input(poking(), deadlineAt=NOW_MS + 1))
    assert error.next_retry_delay.total_seconds() == 1


async def test_a_snapshot_too_large_for_the_server_keeps_phase_and_times(bench):
    meta = poking()
    meta["task"]["params"] = {"large": "x" * 5_000}
    links = [{"name": "n", "uri": "u" * 3_000}]
    bench.segments.says(result("up_for_reschedule", rescheduleAt=NOW_MS + 5_000, links=links))
    call_input = get_input(meta)
    call_input["seen"]["linkUris"] = [links[0]["uri"]]
    error = await bench.failure("get", call_input)
    assert len(json.dumps(error.details[0])) < 2_500
    assert set(error.details[0]) == {"phase", "message", "seenAt", "nextCheckAt"}


@pytest.mark.parametrize(
    ("state", "more", "phase"),
    [
        ("success", {}, "SUCCEEDED"),
        ("failed", {"error": {"type": "AirflowSensorTimeout", "message": "Sensor has timed out"}}, "FAILED"),
        ("skipped", {}, "SUCCEEDED"),
        ("deferred", {"deferral": deferral()}, "RUNNING"),
        ("up_for_retry", {}, "FAILED"),
        ("lost", {"repeatable": "readOnly"}, "FAILED"),
    ],
)
async def test_what_changes_is_told(bench, state, more, phase):
    bench.segments.says(result(state, **more))
    changed = await bench.call("get", get_input(poking()))
    assert changed["kind"] == "changed"
    assert changed["observation"]["resource"]["phase"] == phase


async def test_new_links_are_told(bench):
    links = [{"name": "Log", "uri": "https://x"}]
    bench.segments.says(result("up_for_reschedule", rescheduleAt=NOW_MS + 5_000, links=links))
    changed = await bench.call("get", get_input(poking()))
    assert changed["observation"]["resource"]["logLinks"] == links
    assert changed["observation"]["meta"]["step"]["kind"] == "poke"


async def test_the_end_of_trouble_is_told(bench):
    trouble = {"code": "UNAVAILABLE", "message": "x", "since": 1, "failures": 3}
    bench.segments.says(result("up_for_reschedule", rescheduleAt=NOW_MS + 5_000))
    changed = await bench.call("get", get_input(poking(), trouble=trouble))
    assert changed["kind"] == "changed"


async def test_a_task_at_another_step_goes_back_to_it(bench):
    changed = await bench.call("get", get_input(waiting()))
    assert changed["observation"]["next"]["profile"]["taskQueue"] == "airflow3:triggers"


async def test_short_trouble_is_waited_out_and_counted_in_the_heartbeat(bench):
    bench.segments.says(LonghaulError("SECRET_UNAVAILABLE", f"no {SECRET}"))
    error = await bench.failure("get", get_input(poking()))
    assert error.type == "NotChanged"
    assert error.next_retry_delay.total_seconds() == 2
    assert error.message == "out of reach (no ***), next check in 2 s"
    trouble = {"code": "SECRET_UNAVAILABLE", "message": "no ***", "since": NOW_MS, "failures": 1}
    assert error.details[0]["trouble"] == trouble
    details = bench.heartbeats[-1]
    assert details["trouble"] == trouble
    assert details["begun"] is False
    bench.now_ms += 10_000
    error = await bench.failure("get", get_input(poking()), attempt=2, details=[details])
    assert error.details[0]["trouble"] == {**trouble, "failures": 2}


async def test_what_a_lost_try_had_begun_is_not_forgotten_over_trouble(bench):
    bench.segments.says(LonghaulError("UNAVAILABLE", "x"))
    begun = {"begun": True, "repeatable": "readOnly", "taskState": {"a": 1}, "operatorState": {}, "xcoms": {}}
    await bench.failure("get", get_input(poking()), attempt=2, details=[begun])
    assert {key: bench.heartbeats[-1][key] for key in begun} == begun


async def test_trouble_of_a_minute_is_shown_and_a_spent_budget_gives_up(bench):
    bench.segments.says(LonghaulError("UNAVAILABLE", "refused"))
    since = {"trouble": {"code": "UNAVAILABLE", "message": "refused", "since": NOW_MS - 61_000, "failures": 9}}
    shown = await bench.call("get", get_input(poking()), attempt=9, details=[since])
    assert (shown["kind"], shown["trouble"]["failures"]) == ("trouble", 10)
    waited = await bench.failure("get", get_input(poking(), trouble=since["trouble"]))
    assert waited.type == "NotChanged"
    policy = {**POLICY, "onUnreachable": "fail", "unreachableBudgetMs": 60_000}
    gave_up = await bench.call("get", get_input(poking(), policy=policy), attempt=9, details=[since])
    assert gave_up["kind"] == "gaveUp"


async def test_golden_inputs_are_understood(bench):
    for payload in golden_payloads("getInput"):
        policy_says_wait = await bench.failure("get", {**payload, "policy": POLICY})
        assert policy_says_wait.type == "NotChanged"
        assert policy_says_wait.details[0]["trouble"]["code"] == "INVALID_TASK"
