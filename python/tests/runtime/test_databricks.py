"""One run each, found again by its token, stopped when the task is."""

import pytest
from harness import job, run, run_to_end, start

MODULE = "airflow.providers.databricks.operators.databricks"
BODY = {"run_name": "nb {{ ds }}", "notebook_task": {"notebook_path": "/x"}, "existing_cluster_id": "c"}


def submit(services, parameters=None, **more):
    given = {"json": BODY, "polling_period_seconds": 0.2, "databricks_retry_delay": 0.1, **(parameters or {})}
    connections = {"databricks_default": services.databricks()}
    return job(MODULE, more.pop("name", "DatabricksSubmitRunOperator"), given, connections=connections, **more)


def submits(services):
    return [body for call, body in services.requests if call in ("runs/submit", "run-now")]


@pytest.mark.parametrize("deferrable", [True, False])
def test_our_token_is_in_the_first_request(services, deferrable):
    result = run_to_end(submit(services, {"deferrable": deferrable}))
    assert result["state"] == "success", result
    assert [body["idempotency_token"] for body in submits(services)] == ["lh-token-1"]
    assert result["repeatable"] == "token"


def test_run_now_takes_it_too(services):
    result = run_to_end(submit(services, {"json": {"job_id": 5}, "deferrable": True}, name="DatabricksRunNowOperator"))
    assert result["state"] == "success", result
    assert [body["idempotency_token"] for body in submits(services)] == ["lh-token-1"]


def test_an_operator_that_makes_its_own_body_takes_it_too(services):
    parameters = {"json": None, "notebook_path": "/x", "source": "WORKSPACE", "existing_cluster_id": "c"}
    given = {key: value for key, value in parameters.items() if value is not None}
    task = submit(services, given, name="DatabricksNotebookOperator")
    del task["operator"]["parameters"]["json"]
    ran = run(task)
    assert ran.of("begun") == ["token"]
    assert [body["idempotency_token"] for body in submits(services)] == ["lh-token-1"]


@pytest.mark.parametrize("own", [{"idempotency_token": "own"}, {"json": {**BODY, "idempotency_token": "own"}}])
def test_the_operators_own_token_wins(services, own):
    run_to_end(submit(services, own))
    assert [body["idempotency_token"] for body in submits(services)] == ["own"]


def test_links_are_given_apart_from_xcoms(services):
    result = run_to_end(submit(services))
    assert result["links"] == [{"name": "See Databricks Job Run", "uri": "http://127.0.0.1/#job/1001"}]
    assert sorted(result["xcoms"]) == ["run_id", "run_page_url"]


def test_the_run_id_is_told_while_the_operator_still_waits(services):
    services.run_seconds = 60
    started = start(submit(services))
    assert started.until("operatorState")["run_id"] == 1001
    started.kill()


def test_a_lost_synchronous_operator_attaches_by_airflows_task_state(services, major):
    if major == 2:
        pytest.skip("Airflow 2 has no task state store; the token serves there")
    services.run_seconds = 60
    started = start(submit(services))
    state = started.until("taskState")
    started.kill()
    services.run_seconds = 0.1
    ran = run(submit(services, taskState=state))
    assert ran.of("begun") == ["state"]
    assert ran.result["state"] == "success"
    assert len(submits(services)) == 1


def test_a_users_cancel_is_reported_and_left_unconfirmed_while_the_run_still_ends(services):
    services.run_seconds, services.cancel_seconds = 60, 30
    started = start(submit(services))
    started.until("operatorState")
    started.terminate()
    report = started.until("onKill")
    started.kill()
    assert (report["ok"], report["confirmed"], report["operatorState"]["run_id"]) == (True, False, 1001)
    assert ("runs/cancel", 1001) in [(call, body.get("run_id")) for call, body in services.requests]


def killed(services, **more):
    return run(submit(services, {"deferrable": True}, kind="kill", **more)).result


def test_a_kill_stops_the_run_and_sees_its_end(services, major):
    services.run_seconds = 60
    result = run(submit(services, {"deferrable": True})).result
    trigger = {key: result["deferral"][key] for key in ("classpath", "kwargs")}
    ended = killed(services, operatorState=result["operatorState"], trigger=trigger)
    by = "trigger.on_kill" if major == 3 else "operator.on_kill"
    assert (ended["state"], ended["killedBy"]) == ("killed", f"{by}: run 1001 is CANCELED")


def test_a_kill_is_pending_while_the_run_has_not_ended(services):
    services.run_seconds, services.cancel_seconds = 60, 60
    services.submit({"idempotency_token": "t"})
    ended = killed(services, operatorState={"run_id": 1001})
    assert (ended["state"], "run 1001 is TERMINATING" in ended["killedBy"]) == ("kill_pending", True)


def test_a_kill_of_a_run_that_ended_by_itself_says_so_and_cancels_nothing(services):
    services.run_seconds = -1
    services.submit({"idempotency_token": "t"})
    ended = killed(services, operatorState={"run_id": 1001})
    assert "SUCCESS" in ended["killedBy"]
    assert [call for call, _ in services.requests if call == "runs/cancel"] == []


@pytest.mark.parametrize("committed", [True, False])
def test_a_fence_finds_the_run_by_its_token_and_stops_it(services, committed):
    services.run_seconds, services.submit_delay = 60, 0.5
    if committed:
        services.submit({"idempotency_token": "lh-token-1"})
    ended = killed(services, fence=True)
    assert ended["state"] == "killed", ended
    assert len(services.runs) == 1
    assert services.state(services.runs[1001]) == ("TERMINATED", "CANCELED")
    assert ended["operatorState"] == {"run_id": 1001}


def test_a_fence_has_nothing_to_stop_where_the_provider_refuses_the_job(services):
    services.refuse_submit = True
    ended = killed(services, fence=True)
    assert (ended["state"], services.runs) == ("killed", {})
