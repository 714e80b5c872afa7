"""`delete` returns when nothing of the task runs any more."""

import pytest
from activity_bench import SECRET, ActivityBench, poking, waiting
from payloads import golden_payloads
from tasks import BASH, HTTP_HOOK, NOW_MS, meta_of, request, result
from temporalio.exceptions import ApplicationErrorCategory

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.task.allow_list import AllowList

pytestmark = pytest.mark.asyncio


async def delete(bench, meta, **options):
    return await bench.call("delete", {"target": {"kind": "meta", "meta": meta}}, **options)


async def test_without_a_meta_nothing_was_started(bench):
    nothing = await bench.call("delete", {"target": {"kind": "request", "request": request({"operator": BASH})}})
    assert (nothing["kind"], nothing["posts"], nothing["stoppedAt"]) == ("nothing", 0, NOW_MS)


async def test_an_ended_task_has_nothing_to_stop(bench):
    assert (await delete(bench, meta_of(step={"kind": "ended"})))["kind"] == "nothing"


async def test_nothing_runs_between_two_pokes(bench):
    stopped = await delete(bench, poking())
    assert (stopped["kind"], stopped["resource"]["phase"]) == ("stopped", "ABORTED")
    assert stopped["meta"]["step"] == {"kind": "ended"}
    assert bench.segments.jobs == []


async def test_a_hooks_call_ends_with_its_process(tmp_path):
    bench = ActivityBench(tmp_path, allowed=AllowList(hooks=("airflow.providers.http.*",)))
    created = await bench.create({"hook": HTTP_HOOK, "method": "run"})
    assert (await delete(bench, created["observation"]["meta"]))["kind"] == "stopped"
    assert bench.segments.jobs == []


@pytest.mark.parametrize("kind", ["execute", "resume", "trigger", "kill"])
async def test_a_task_that_may_have_a_job_is_killed(bench, kind):
    step = {
        "execute": {"kind": "execute"},
        "resume": {"kind": "resume", "nextMethod": "execute_complete", "nextKwargs": {}, "event": {}},
        "trigger": {"kind": "trigger"},
        "kill": {"kind": "kill", "reason": "x"},
    }[kind]
    meta = waiting() if kind == "trigger" else meta_of(step=step)
    bench.segments.says(result("killed", killedBy="operator"))
    stopped = await delete(bench, meta)
    assert stopped["kind"] == "stopped"
    assert stopped["resource"]["message"] == "stopped: on_kill of operator ran"
    assert stopped["meta"]["step"] == {"kind": "ended"}
    job = bench.segments.jobs[0]
    assert job["kind"] == "kill"
    # Its job is found by the token where no id and no trigger name it.
    assert job.get("fence", False) is (kind != "trigger")
    assert ("trigger" in job) is (kind == "trigger")


async def test_a_deferred_operators_saved_state_is_given_to_its_kill(bench):
    bench.segments.says(result("killed", killedBy="trigger"))
    await delete(bench, waiting())
    job = bench.segments.jobs[0]
    assert job["operatorState"] == {"run_id": 4711}
    assert job["trigger"]["kwargs"] == {"run_id": 4711}


@pytest.mark.parametrize(
    "outcome",
    [
        result("kill_pending"),
        result("failed", error={"type": "E", "message": f"refused {SECRET}"}),
        result("lost"),
        LonghaulError("SECRET_UNAVAILABLE", f"no {SECRET}"),
        LonghaulError("UNAVAILABLE", "x"),
        ValueError("x"),
    ],
    ids=["pending", "failed", "lost", "secret", "unavailable", "defect"],
)
async def test_what_is_not_seen_stopped_is_asked_again(bench, outcome):
    bench.segments.says(outcome)
    error = await bench.failure("delete", {"target": {"kind": "meta", "meta": waiting()}}, attempt=2)
    assert (error.type, error.category) == ("Stopping", ApplicationErrorCategory.BENIGN)
    assert error.non_retryable is False
    assert error.next_retry_delay.total_seconds() == 2
    assert SECRET not in error.message


async def test_the_pause_between_kills_grows_to_ten_seconds(bench):
    bench.segments.says(result("kill_pending"))
    delays = []
    for attempt in (1, 2, 3, 4, 5, 50):
        error = await bench.failure("delete", {"target": {"kind": "meta", "meta": waiting()}}, attempt=attempt)
        delays.append(error.next_retry_delay.total_seconds())
    assert delays == [1, 2, 4, 8, 10, 10]


@pytest.mark.parametrize("code", ["UNSUPPORTED", "OUTCOME_UNKNOWN"])
async def test_nobody_can_tell_more_by_asking_again(bench, code):
    bench.segments.says(result("failed", code=code, error={"type": "E", "message": "no on_kill"}))
    error = await bench.failure("delete", {"target": {"kind": "meta", "meta": waiting()}})
    assert (error.type, error.non_retryable) == (code, True)


async def test_a_kill_that_execute_is_asked_for_is_repeated_in_the_same_way(bench):
    meta = meta_of(step={"kind": "kill", "reason": "x"})
    bench.segments.says(result("kill_pending"))
    assert (await bench.failure("execute", {"meta": meta})).type == "Stopping"
    bench.segments.says(result("killed"))
    assert (await bench.execute(meta))["observation"]["resource"]["phase"] == "ABORTED"


async def test_golden_requests_start_nothing_and_foreign_metas_are_not_seen_stopped(bench):
    for payload in golden_payloads("deleteInput"):
        if payload["target"]["kind"] == "request":
            assert (await bench.call("delete", payload))["kind"] == "nothing"
        else:
            assert (await bench.failure("delete", payload)).type == "Stopping"
