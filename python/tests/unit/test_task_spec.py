"""What a task asks for, in our plain form and in Flyte's."""

import pytest
from payloads import fixture
from tasks import BASH, DATABRICKS, FILE_SENSOR, HTTP_HOOK, RUN_ID, SHELL, creation, token

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.task.task_spec import parse_create_request, parse_task_spec, try_number_of

HOOKS = AllowList(hooks=("airflow.providers.http.hooks.http.HttpHook.*",))


def parse(custom, **more):
    return parse_task_spec(creation(custom, **more))


def pkl(name):
    return fixture(f"flyte/template-v1-airflow-{name}.json")["custom"]


def test_the_plain_form_names_class_and_context():
    spec = parse(
        {
            "operator": BASH,
            "parameters": {"bash_command": "echo {{ params.day }}", "execution_timeout": {"$timedelta": "5m"}},
            "params": {"day": "monday"},
            "upstream": {"extract": {"return_value": [1]}},
            "connections": {"db": {"conn_type": "http", "password": {"$secret": "env:DB"}}},
            "variables": {"region": "eu"},
            "retries": 2,
            "dag_id": "nightly",
            "task_id": "load",
            "run_id": "manual__2026-01-02T00:00:00+00:00",
            "logical_date": "2026-01-02",
            "data_interval_start": "2026-01-01T00:00:00+01:00",
            "data_interval_end": "2026-01-02T00:00:00Z",
            "conf": {"full": True},
            "airflow": 3,
        },
        taskExecution={"project": "etl"},
    )
    assert spec.work == {
        "module": "airflow.providers.standard.operators.bash",
        "name": "BashOperator",
        "parameters": {
            "bash_command": "echo {{ params.day }}",
            "execution_timeout": {"$timedelta": "5m"},
            "retries": 2,
        },
    }
    assert spec.task == {
        "dagId": "nightly",
        "taskId": "load",
        "runId": "manual__2026-01-02T00:00:00+00:00",
        "tryNumber": 1,
        "retries": 2,
        "startedAt": 1_700_000_005_000,
        "logicalDate": "2026-01-02T00:00:00+00:00",
        "dataIntervalStart": "2026-01-01T00:00:00+01:00",
        "dataIntervalEnd": "2026-01-02T00:00:00+00:00",
        "conf": {"full": True},
        "params": {"day": "monday"},
        "upstream": {"extract": {"return_value": [1]}},
        "connections": {"db": {"conn_type": "http", "password": {"$secret": "env:DB"}}},
        "variables": {"region": "eu"},
        "project": "etl",
    }


def test_ids_left_out_are_made_of_the_template_and_the_workflow():
    task = parse({"operator": DATABRICKS}, name="nightly load: all").task
    assert (task["dagId"], task["taskId"]) == ("nightly_load__all", "nightly_load__all")
    assert task["runId"] == "flyte:default:o:p:d:exec:n0:t_1:0"
    unnamed = parse({"operator": DATABRICKS}, name=None).task
    assert (unnamed["dagId"], unnamed["taskId"]) == ("airflow", "DatabricksSubmitRunOperator")


def test_the_logical_date_is_when_the_task_began_in_every_attempt():
    dates = {parse({"operator": DATABRICKS}, attempt=attempt).task["logicalDate"] for attempt in (1, 2, 3)}
    assert dates == {"2023-11-14T22:13:20.000+00:00"}


def test_the_logical_date_is_when_the_attempt_was_scheduled_where_the_run_id_has_no_time():
    from dataclasses import replace

    made = creation({"operator": DATABRICKS})
    made.request["idempotencyToken"] = "lh-3b241101-e2bb-4255-8caf-4136c566a962-1"
    assert parse_task_spec(made).task["logicalDate"] == "2023-11-14T22:13:25.000+00:00"
    # A run id of a later time than the attempt's own is not believed.
    assert (
        parse_task_spec(replace(creation({"operator": DATABRICKS}), scheduled_at_ms=1_000))
        .task["logicalDate"]
        .startswith("1970-01-01T00:00:01")
    )


@pytest.mark.parametrize(("given", "expected"), [(token(1), 1), (token(12), 12), ("adopted", 1), (f"lh-{RUN_ID}-0", 1)])
def test_the_try_number_is_the_attempt(given, expected):
    assert try_number_of(given) == expected


def test_a_hook_names_method_and_arguments():
    spec = parse(
        {"hook": HTTP_HOOK, "parameters": {"method": "GET"}, "method": "run", "args": {"endpoint": "/"}}, allowed=HOOKS
    )
    assert spec.is_hook
    assert spec.work["method"] == "run"
    assert spec.work["args"] == {"endpoint": "/"}


def test_a_method_outside_the_list_is_refused_by_name():
    with pytest.raises(LonghaulError, match=r"HttpHook.run") as refused:
        parse({"hook": HTTP_HOOK, "method": "run"})
    assert refused.value.code == "PERMISSION_DENIED"


def test_inputs_are_xcoms_of_inputs_and_defaults_of_params():
    task = parse({"operator": DATABRICKS, "params": {"day": "friday"}}, inputs={"day": "monday", "n": 3}).task
    assert task["upstream"] == {"inputs": {"day": "monday", "n": 3}}
    assert task["params"] == {"day": "friday", "n": 3}
    assert parse({"operator": DATABRICKS}, inputs=[1]).task["upstream"] == {"inputs": {"return_value": [1]}}


def test_task_id_and_dag_id_among_the_parameters_are_the_tasks_own():
    spec = parse({"operator": BASH, "parameters": {"task_id": "load", "dag_id": "etl", "bash_command": "true"}})
    assert spec.work["parameters"] == {"bash_command": "true"}
    assert (spec.task["taskId"], spec.task["dagId"]) == ("load", "etl")


def test_retries_among_the_parameters_count_where_the_spec_has_none():
    assert parse({"operator": BASH, "parameters": {"retries": 4}}).task["retries"] == 4
    both = parse({"operator": BASH, "retries": 1, "parameters": {"retries": 4}})
    assert (both.task["retries"], both.work["parameters"]["retries"]) == (1, 1)


@pytest.mark.parametrize(
    ("custom", "said"),
    [
        ({"operator": BASH, "paramters": {}}, "paramters: is not known"),
        ({"operator": BASH, "method": "run"}, "method: is not known"),
        ({"operator": BASH, "hook": HTTP_HOOK}, "one operator, one hook"),
        ({}, "one operator, one hook"),
        ({"operator": "BashOperator"}, "operator: must be the full dotted path"),
        ({"operator": 5}, "operator: must be the full dotted path"),
        ({"operator": BASH, "parameters": [1]}, "parameters: must be an object"),
        ({"operator": BASH, "parameters": {"dag": "x"}}, "outside any DAG"),
        ({"operator": BASH, "parameters": {"t": {"$timedelta": "soon"}}}, "parameters.t"),
        ({"operator": BASH, "retries": -1}, "retries: must be a number"),
        ({"operator": BASH, "retries": True}, "retries: must be a number"),
        ({"operator": BASH, "task_id": "a b"}, "task_id: must be 1 to 250"),
        ({"operator": BASH, "run_id": "../../etc"}, "run_id"),
        ({"operator": BASH, "logical_date": "tomorrow"}, "logical_date: must be a date"),
        ({"operator": BASH, "upstream": {"a": 1}}, "upstream.a: must be an object"),
        ({"operator": BASH, "connections": {"a": "http://x"}}, "connections.a: must be an object"),
        ({"operator": BASH, "airflow": 2}, "airflow: this task queue is served by Airflow 3"),
        ({"operator": BASH, "params": {"p": {"$secret": "env:X"}}}, "params.p: a secret may stand in"),
        ({"hook": HTTP_HOOK}, "method: must name a method"),
        ({"task_config_pkl": "{}", "more": 1}, "more: is not known"),
    ],
)
def test_what_is_wrong_is_said_with_its_field(custom, said):
    with pytest.raises(LonghaulError) as refused:
        parse(custom)
    assert said in str(refused.value)
    assert refused.value.code == "INVALID_TASK"


@pytest.mark.parametrize(
    ("custom", "allowed", "said"),
    [
        ({"operator": BASH}, AllowList(), "BashOperator"),
        ({"operator": "os.path.Join"}, SHELL, "os.path.Join"),
        (
            {"operator": BASH, "connections": {"prod": {}}},
            AllowList(shell_operators=True, connections=("dev_*",)),
            "prod",
        ),
        ({"operator": BASH, "variables": {"key": "x"}}, AllowList(shell_operators=True, variables=()), "key"),
        ({"operator": BASH, "parameters": {"f": {"$callable": "os:system"}}}, SHELL, "os:system"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(custom, allowed, said):
    with pytest.raises(LonghaulError, match=said) as refused:
        parse(custom, allowed=allowed)
    assert refused.value.code == "PERMISSION_DENIED"


def test_flytes_operators_defer_where_they_can_and_sensors_are_left_as_they_are():
    bash = parse(pkl("bash"))
    assert bash.task["taskId"] == "bash"
    assert bash.work["parameters"] == {"bash_command": "echo hi", "env": {"A": "1"}, "deferrable": True}
    sensor = parse(pkl("file-sensor"))
    assert sensor.work["parameters"] == {"filepath": "/data/ready", "poke_interval": 5.0}
    assert sensor.work["name"] == "FileSensor"


def test_flytes_durations_are_tagged():
    assert parse(pkl("bq")).work["parameters"]["execution_timeout"] == {"$timedelta": 300.0}


def test_flytes_template_of_a_task_that_lives_in_a_dag_is_refused_in_words():
    with pytest.raises(LonghaulError, match="ExternalTaskSensor") as refused:
        parse(pkl("ext"))
    assert refused.value.code == "UNSUPPORTED"


def test_the_plain_form_leaves_deferring_to_the_operator():
    assert "deferrable" not in parse({"operator": FILE_SENSOR}).work["parameters"]
    assert "deferrable" not in parse({"operator": DATABRICKS}).work["parameters"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"template": {"type": "airflow", "custom": []}, "idempotencyToken": "t"},
        {"template": {"type": "airflow"}},
        {"template": {"type": "airflow"}, "idempotencyToken": "t", "taskExecution": "p"},
    ],
)
def test_a_request_of_another_shape_is_refused(value):
    with pytest.raises(LonghaulError) as refused:
        parse_create_request(value)
    assert refused.value.code == "INVALID_TASK"
