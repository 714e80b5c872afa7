"""`create` reads and checks; it starts nothing."""

import json

import pytest
from activity_bench import SECRET, SECRET_REF, WITH_SECRETS, on_wire
from payloads import golden_payloads
from tasks import BASH, request, token
from temporalio.exceptions import ApplicationError

pytestmark = pytest.mark.asyncio


async def test_twice_gives_the_same_meta_and_starts_nothing(bench):
    first = await bench.create({"operator": BASH, "parameters": {"bash_command": "true"}})
    second = await bench.create({"operator": BASH, "parameters": {"bash_command": "true"}})
    assert first == second
    assert first["posts"] == 0
    assert first["externalId"] == token()
    assert first["observation"]["next"]["profile"] == {"taskQueue": "airflow3:operators", "heartbeatMs": 30_000}
    assert bench.segments.jobs == []


async def test_references_stay_references(bench):
    made = await bench.create(WITH_SECRETS)
    assert SECRET not in json.dumps(made)
    assert made["observation"]["meta"]["task"]["connections"]["dbx"]["password"] == SECRET_REF


@pytest.mark.parametrize(
    ("custom", "code", "said"),
    [
        ({"operator": "BashOperator"}, "INVALID_TASK", "operator: must be"),
        ({"operator": "airflow.providers.standard.sensors.external_task.ExternalTaskSensor"}, "UNSUPPORTED", "DAG"),
        ({"operator": "os.System"}, "PERMISSION_DENIED", "os.System"),
        ({"operator": BASH, "variables": {"x": {"$secret": "env:HOME"}}}, "PERMISSION_DENIED", "variables.x"),
        ({"task_config_pkl": "{}"}, "INVALID_TASK", "AirflowObj"),
    ],
)
async def test_what_is_refused_is_refused_for_good_with_code_and_no_request_sent(bench, custom, code, said):
    error = await bench.failure("create", {"request": request(custom)})
    assert (error.type, error.non_retryable) == (code, True)
    assert said in error.message
    assert error.details[0]["code"] == code
    assert error.details[0]["posts"] == 0


async def test_a_reference_inside_of_flytes_text_is_held_against_the_list_too(bench):
    text = json.dumps(
        {
            "py/object": "flytekitplugins.airflow.task.AirflowObj",
            "module": BASH.rpartition(".")[0],
            "name": "BashOperator",
            "parameters": {"env": {"A": {"$secret": "env:HOME"}}},
        }
    )
    error = await bench.failure("create", {"request": request({"task_config_pkl": text})})
    assert error.type == "PERMISSION_DENIED"
    assert "parameters.env.A" in error.message


async def test_the_project_beside_the_request_counts_where_the_request_has_none(bench):
    made = await bench.call("create", {"request": request({"operator": BASH}), "taskExecution": {"project": "etl"}})
    assert made["observation"]["meta"]["task"]["project"] == "etl"


async def test_golden_inputs_are_understood_up_to_their_spec(bench):
    for payload in golden_payloads("createInput"):
        error = await bench.failure("create", payload)
        assert error.type in ("INVALID_TASK", "PERMISSION_DENIED")


async def test_no_failure_carries_a_stack_or_a_cause(bench):
    error = await bench.failure("create", {"request": request({"operator": "BashOperator"})})
    failure = on_wire(error)
    assert failure.stack_trace == ""
    assert not failure.HasField("cause")


async def test_a_plain_failure_would_carry_its_stack():
    with pytest.raises(ApplicationError) as raised:
        raise ApplicationError("x")
    assert on_wire(raised.value).stack_trace != ""
