"""A task sees its own connections and variables and those its project allows; nobody sees their values."""

import json

from harness import ALLOWED, await_trigger, job, run

MINE = {"mine": {"conn_type": "http", "host": "example", "password": "s3cret-pw", "extra": {"token": "s3cret-token"}}}


def looks_up(**more):
    return job("sample_ops", "LooksUp", more.pop("names"), **more)


def test_the_tasks_own_connections_and_variables_win():
    names = {"connections": ["from_environment"], "variables": ["FROM_ENVIRONMENT"]}
    own = {"connections": {"from_environment": {"conn_type": "http", "password": "mine-pw"}}}
    result = run(looks_up(names=names, variables={"FROM_ENVIRONMENT": "mine"}, **own)).result
    assert result["xcoms"]["return_value"] == {"from_environment": "mine-pw", "FROM_ENVIRONMENT": "mine"}


def test_those_of_the_workers_environment_are_found_too():
    names = {"connections": ["from_environment"], "variables": ["FROM_ENVIRONMENT"]}
    ran = run(looks_up(names=names))
    found = ran.result["xcoms"]["return_value"]
    assert found == {"from_environment": "environment-pw", "FROM_ENVIRONMENT": "environment-value"}
    assert "environment-pw" in ran.result["secrets"]


def test_what_the_project_does_not_allow_is_not_given_not_even_from_the_environment():
    allowed = {**ALLOWED, "connections": ["mine"]}
    ran = run(looks_up(names={"connections": ["from_environment"]}, allowed=allowed))
    assert (ran.result["state"], ran.result["code"]) == ("failed", "PERMISSION_DENIED")
    assert "isn't defined" in ran.result["error"]["message"]
    assert "PERMISSION_DENIED" in ran.log


def test_secrets_are_named_before_any_data_that_holds_them():
    ran = run(looks_up(names={"connections": ["mine"]}, connections=MINE))
    kinds = [kind for kind, _ in ran.updates]
    told = [value for kind, data in ran.updates[: kinds.index("xcom")] if kind == "secrets" for value in data]
    assert {"s3cret-pw", "s3cret-token"} <= set(told)


def test_a_value_behind_a_reference_is_masked_whatever_its_field_is_called():
    ran = run(
        job("sample_ops", "LooksUp", {"variables": ["plain"]}, variables={"plain": "v4lue"}, secretValues=["v4lue"])
    )
    assert "v4lue" in ran.result["secrets"]


def test_secrets_stand_in_no_log_and_no_error():
    ran = run(job("sample_ops", "LeaksInError", connections=MINE))
    assert ran.result["error"] == {"type": "ValueError", "message": "login with *** failed"}
    assert "s3cret-pw" not in ran.log
    assert "printed ***" in ran.log


def asks_in_its_trigger(**more):
    task = job("sample_ops", "DeferTo", {"trigger": "ConnectionTrigger"}, **more)
    deferral = run(task).result["deferral"]
    return await_trigger(task, {"classpath": deferral["classpath"], "kwargs": deferral["kwargs"]})


def test_a_trigger_sees_the_connections_of_its_own_task():
    outcome = asks_in_its_trigger(connections=MINE)
    assert "example" in str(outcome["event"])
    assert {"s3cret-pw", "s3cret-token"} <= set(outcome["secrets"])


def test_a_trigger_sees_no_connection_of_another_task():
    outcome = asks_in_its_trigger()
    assert "isn't defined" in str(outcome["event"])


def test_what_a_trigger_logs_is_in_its_tasks_log_masked(tmp_path, capfd):
    log = tmp_path / "logs" / "task.log"
    asks_in_its_trigger(connections=MINE, logPath=str(log))
    said = [json.loads(line) for line in log.read_text().splitlines()]
    own = [(line["level"], line["event"]) for line in said if line["event"].startswith(("asks", "warns"))]
    assert own == [("info", "asks example with ***"), ("warning", "warns of ***")]
    assert "s3cret-pw" not in log.read_text()
    elsewhere = "".join(capfd.readouterr())
    assert "asks example" not in elsewhere
    assert "warns of" not in elsewhere
