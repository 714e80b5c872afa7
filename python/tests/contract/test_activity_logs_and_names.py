"""`getLogs`, and what holds for all activities."""

from dataclasses import replace
from typing import get_args

import pytest
from activity_bench import CATEGORY, SECRET, WITH_SECRETS, WORKFLOW_ID
from payloads import faults_of
from tasks import deferral, meta_of, result
from temporalio import activity
from temporalio.exceptions import ApplicationError

from longhaul_airflow.activities.failures import to_application_error
from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.wire import ErrorCode

pytestmark = pytest.mark.asyncio


async def test_lines_come_redacted_with_the_tasks_own_secrets(bench):
    created = await bench.create(WITH_SECRETS)
    meta = created["observation"]["meta"]
    bench.logs.path_for(meta).write_text(f"login with {SECRET}\n")
    page = await bench.call("getLogs", {"meta": meta, "request": {}})
    assert page["lines"] == ["try 1 login with ***"]
    assert page["truncated"] is False


async def test_a_segment_writes_where_logs_are_read(bench):
    bench.segments.says(result("success"))
    await bench.execute(meta_of())
    bench.segments.supervisions[0].log_path.write_text("from the child\n")
    page = await bench.call("getLogs", {"meta": meta_of(), "request": {"limit": 5}})
    assert page["lines"] == ["try 1 from the child"]


async def test_a_bad_page_token_is_said_at_once(bench):
    error = await bench.failure("getLogs", {"meta": meta_of(), "request": {"pageToken": "x"}})
    assert (error.type, error.non_retryable) == ("INVALID_TASK", True)


async def test_every_code_of_ours_is_one_of_the_contracts():
    for code in get_args(ErrorCode):
        error = to_application_error(LonghaulError(code, "x", field="f", advice="a"), posts=0)
        assert faults_of("failureDetails", error.details[0]) == []


async def test_activities_are_registered_under_the_contracts_names(bench):
    served = [*bench.activities.pokes(), *bench.activities.executes(), *bench.activities.control()]
    names = {activity._Definition.must_from_callable(each).name for each in served}
    assert names == {"create", "get", "execute", "delete", "getLogs"}


async def test_state_that_was_sealed_for_one_task_opens_for_no_other(bench):
    bench.segments.says(result("deferred", deferral=deferral(kwargs={"t": SECRET})))
    meta = (await bench.execute(meta_of()))["observation"]["meta"]
    environment = bench.environment("execute")
    environment.info = replace(environment.info, workflow_id=f"{WORKFLOW_ID}-other")
    with pytest.raises(ApplicationError) as refused:
        await environment.run(bench.activities.execute, {**CATEGORY, "meta": meta})
    assert refused.value.type == "SECRET_UNAVAILABLE"
