"""`execute` runs one segment or waits for a trigger."""

import asyncio
import json

import pytest
from activity_bench import (
    CATEGORY,
    SECRET,
    SECRET_REF,
    WITH_SECRETS,
    ActivityBench,
    on_wire,
    waiting,
)
from payloads import golden_payloads
from tasks import HTTP_HOOK, deferral, meta_of, result, token
from temporalio.exceptions import ApplicationError

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.task.allow_list import AllowList

pytestmark = pytest.mark.asyncio


async def test_a_segment_gets_values_and_its_task_keeps_references(bench):
    created = await bench.create(WITH_SECRETS)
    bench.segments.says(result("success", xcoms={"return_value": 1}))
    done = await bench.execute(created["observation"]["meta"])
    job = bench.segments.jobs[0]
    assert job["kind"] == "execute"
    assert job["token"] == token()
    assert job["operator"]["parameters"]["json"] == {"key": SECRET}
    assert job["connections"]["dbx"]["password"] == SECRET
    assert job["variables"] == {"api_key": SECRET}
    assert job["secretValues"] == [SECRET] * 3
    assert job["task"]["connections"]["dbx"]["password"] == SECRET_REF
    assert SECRET not in json.dumps(done)
    assert done["observation"]["resource"]["outputs"] == {"return_value": 1}


async def test_what_comes_back_is_redacted_and_what_is_needed_again_is_sealed(bench):
    created = await bench.create(WITH_SECRETS)
    bench.segments.says(
        result(
            "deferred",
            deferral=deferral(
                kwargs={"token": f"Bearer {SECRET}", "own": "masked-by-airflow"}, nextKwargs={"k": SECRET}
            ),
            xcoms={"x": f"has {SECRET}"},
            links=[{"name": "Run", "uri": f"https://x?t={SECRET}"}],
            operatorState={"run_id": 7, "password": SECRET},
            taskState={"s": "masked-by-airflow"},
            secrets=["masked-by-airflow"],
        )
    )
    deferred = await bench.execute(created["observation"]["meta"])
    told = json.dumps(deferred)
    assert SECRET not in told
    assert "masked-by-airflow" not in told
    meta = deferred["observation"]["meta"]
    assert meta["xcoms"] == {"x": "has ***"}
    assert meta["operatorState"]["run_id"] == 7
    assert deferred["externalId"] == "7"
    assert deferred["observation"]["resource"]["logLinks"] == [{"name": "Run", "uri": "https://x?t=***"}]

    bench.triggers.outcome = {"kind": "event", "event": {"echo": SECRET}, "secrets": []}
    resumed = await bench.execute(meta)
    assert bench.triggers.jobs[0]["trigger"]["kwargs"] == {"token": f"Bearer {SECRET}", "own": "masked-by-airflow"}
    assert SECRET not in json.dumps(resumed)

    bench.segments.says(result("success"))
    await bench.execute(resumed["observation"]["meta"])
    job = bench.segments.jobs[-1]
    assert (job["kind"], job["nextMethod"]) == ("resume", "execute_complete")
    assert (job["nextKwargs"], job["event"]) == ({"k": SECRET}, {"echo": SECRET})
    assert job["taskState"] == {"s": "masked-by-airflow"}
    assert job["xcoms"] == {"x": "has ***"}


async def test_without_keys_a_secret_in_the_state_waits_for_the_operator_of_the_worker(tmp_path):
    bench = ActivityBench(tmp_path, with_keys=False)
    created = await bench.create(WITH_SECRETS)
    bench.segments.says(result("deferred", deferral=deferral(kwargs={"token": SECRET}), repeatable="token"))
    error = await bench.failure("execute", {"meta": created["observation"]["meta"]}, attempt=3)
    assert (error.type, error.non_retryable) == ("SECRET_UNAVAILABLE", False)
    assert error.next_retry_delay.total_seconds() == 8
    assert "LONGHAUL_SEALING_KEYS_FILE" in error.details[0]["advice"]
    assert SECRET not in error.message


async def test_what_has_run_and_must_not_run_again_ends_where_its_state_cannot_be_sealed(tmp_path):
    bench = ActivityBench(tmp_path, with_keys=False)
    created = await bench.create(WITH_SECRETS)
    bench.segments.says(result("deferred", deferral=deferral(kwargs={"token": SECRET})))
    error = await bench.failure("execute", {"meta": created["observation"]["meta"]})
    assert (error.type, error.non_retryable) == ("SECRET_UNAVAILABLE", True)
    assert SECRET not in error.message


@pytest.mark.parametrize(
    ("code", "is_final"),
    [
        ("SECRET_UNAVAILABLE", False),
        ("CONFIG", False),
        ("PERMISSION_DENIED", False),
        ("UNAVAILABLE", False),
        ("INVALID_TASK", True),
        ("UNSUPPORTED", True),
    ],
)
async def test_trouble_is_waited_out_and_a_refusal_is_not(bench, code, is_final):
    bench.segments.says(LonghaulError(code, f"no {SECRET}"))
    error = await bench.failure("execute", {"meta": meta_of()})
    assert (error.type, error.non_retryable) == (code, is_final)
    assert error.message == "no ***"
    assert (error.next_retry_delay is None) is is_final


async def test_an_unforeseen_error_is_internal_and_redacted(bench):
    bench.segments.says(ValueError(f"quotes {SECRET}"))
    error = await bench.failure("execute", {"meta": meta_of()})
    assert (error.type, error.message, error.non_retryable) == ("INTERNAL", "ValueError: quotes ***", True)
    failure = on_wire(error)
    assert (failure.stack_trace, failure.HasField("cause")) == ("", False)


async def test_a_segment_handed_over_goes_through_untouched(bench):
    handed = ApplicationError("shuts down", {"code": "UNAVAILABLE"}, type="UNAVAILABLE")
    bench.segments.says(handed)
    assert await bench.failure("execute", {"meta": meta_of()}) is handed


async def test_a_cancellation_is_never_an_error(bench):
    bench.segments.says(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await bench.execute(meta_of())


async def test_a_cancel_that_ran_on_kill_ends_the_task_as_canceled(bench):
    bench.segments.says(result("canceled", killedBy="operator"))
    done = await bench.execute(meta_of())
    assert done["observation"]["resource"]["phase"] == "ABORTED"
    assert done["observation"]["next"]["verdict"]["code"] == "CANCELED"


async def test_a_cancel_that_failed_leaves_a_kill_that_delete_goes_on_with(bench):
    error = {"type": "OnKillFailed", "message": "on_kill did not end within 30 s"}
    bench.segments.says(result("cancel_failed", error=error, operatorState={"run_id": 5}))
    left = (await bench.execute(meta_of()))["observation"]["meta"]
    assert left["step"] == {"kind": "kill", "reason": "on_kill did not end within 30 s"}
    bench.segments.says(result("killed", killedBy="operator"))
    stopped = await bench.call("delete", {"target": {"kind": "meta", "meta": left}})
    assert stopped["kind"] == "stopped"
    assert bench.segments.jobs[-1]["operatorState"] == {"run_id": 5}
    assert "fence" not in bench.segments.jobs[-1]


async def test_a_wait_that_is_canceled_raises_the_cancellation(bench):
    environment = bench.environment("execute")
    running = asyncio.create_task(environment.run(bench.activities.execute, {**CATEGORY, "meta": waiting()}))
    await bench.triggers.waiting.wait()
    environment.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_segment_whose_process_died_is_run_again_with_its_token_twice(bench):
    lost = result("lost", repeatable="token", error={"type": "TaskProcessDied", "message": "killed by SIGKILL"})
    bench.segments.says(lost)
    for attempt in (1, 2):
        error = await bench.failure("execute", {"meta": meta_of()}, attempt=attempt)
        assert (error.type, error.non_retryable) == ("UNAVAILABLE", False)
        assert "same token" in error.message
    given_up = await bench.call("execute", {"meta": meta_of()}, attempt=3)
    bench.segments.says(result("killed", killedBy="operator"))
    done = await bench.execute(given_up["observation"]["meta"])
    assert bench.segments.jobs[-1]["fence"] is True
    assert done["observation"]["next"]["verdict"]["decision"]["action"] == "retry"
    assert done["observation"]["next"]["verdict"]["cause"] == "platform"


async def test_a_segment_that_must_not_be_repeated_is_not(bench):
    bench.segments.says(result("lost", repeatable=None))
    done = await bench.execute(meta_of())
    assert done["observation"]["next"]["verdict"]["decision"]["action"] == "fail"
    bench.segments.says(result("unknown"))
    done = await bench.execute(meta_of())
    assert done["observation"]["next"]["verdict"]["code"] == "OUTCOME_UNKNOWN"


async def test_a_failure_is_told_with_its_decision(bench):
    bench.segments.says(result("up_for_retry", retryDelayMs=7_000, error={"type": "E", "message": f"at {SECRET}"}))
    done = await bench.execute(meta_of())
    assert done["observation"]["next"]["verdict"]["decision"]["delayMs"] == 7_000
    assert done["observation"]["resource"]["message"] == "E: at ***"


async def test_a_class_that_is_not_allowed_any_more_does_not_run(tmp_path):
    bench = ActivityBench(tmp_path, allowed=AllowList(operators=()))
    error = await bench.failure("execute", {"meta": meta_of()})
    assert (error.type, error.non_retryable) == ("PERMISSION_DENIED", False)
    assert bench.segments.jobs == []


async def test_a_trigger_class_from_history_is_held_against_the_list(bench):
    meta = waiting()
    meta["airflowTrigger"]["classpath"] = "os.system"
    error = await bench.failure("execute", {"meta": meta})
    assert error.type == "PERMISSION_DENIED"
    assert "os.system" in error.message
    assert bench.triggers.jobs == []


async def test_a_hook_is_one_segment(tmp_path):
    bench = ActivityBench(tmp_path, allowed=AllowList(hooks=("airflow.providers.http.*",)))
    created = await bench.create({"hook": HTTP_HOOK, "method": "run", "args": {"endpoint": SECRET_REF}})
    bench.segments.says(result("success", xcoms={"return_value": "ok"}))
    done = await bench.execute(created["observation"]["meta"])
    job = bench.segments.jobs[0]
    assert (job["kind"], job["hook"]["args"]) == ("hook", {"endpoint": SECRET})
    assert done["observation"]["resource"]["outputs"] == {"return_value": "ok"}


async def test_a_meta_of_another_version_is_refused_for_good(bench):
    error = await bench.failure("execute", {"meta": {**meta_of(), "version": 2}})
    assert (error.type, error.non_retryable) == ("INVALID_TASK", True)


async def test_golden_metas_of_other_connectors_are_refused_in_words(bench):
    for payload in golden_payloads("executeInput"):
        assert (await bench.failure("execute", payload)).type == "INVALID_TASK"


async def test_heartbeat_details_hold_no_secret_and_are_whole_for_the_next_try(bench):
    created = await bench.create(WITH_SECRETS)
    bench.segments.says(result("success"))
    await bench.execute(created["observation"]["meta"])
    supervision = bench.segments.supervisions[0]
    details = {
        "begun": True,
        "repeatable": "state",
        "taskState": {"run": f"x {SECRET}"},
        "operatorState": {"late": "found by airflow", "run_id": 3},
        "xcoms": {"a": SECRET},
    }
    protected = supervision.protect(details, ["found by airflow"])
    assert SECRET not in json.dumps(protected)
    assert "found by airflow" not in json.dumps(protected)
    assert supervision.reveal(protected) == {**details, "xcoms": {"a": "***"}}
    assert protected["repeatable"] == "state"


async def test_without_keys_a_segment_that_relied_on_a_secret_state_is_not_repeated(tmp_path):
    bench = ActivityBench(tmp_path, with_keys=False)
    bench.segments.says(result("success"))
    await bench.execute(meta_of())
    details = {"begun": True, "repeatable": "state", "taskState": {"run": SECRET}, "operatorState": {}, "xcoms": {}}
    protected = bench.segments.supervisions[0].protect(details, [])
    assert protected == {**details, "repeatable": None, "taskState": {}}
