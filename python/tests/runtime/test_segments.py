"""One segment at a time: what is announced, limited, kept and given back."""

import time

import pytest
from harness import ALLOWED, job, run, run_to_end, start

BASH = "airflow.providers.standard.operators.bash"
FILES = "airflow.providers.standard.sensors.filesystem"
FS = {"fs_default": {"conn_type": "fs"}}


def bash(command, parameters=None, **more):
    return job(BASH, "BashOperator", {"bash_command": command, **(parameters or {})}, **more)


def seconds_ago(seconds):
    return {"startedAt": int((time.time() - seconds) * 1000)}


def test_nothing_of_the_users_code_runs_before_the_supervisor_says_go(tmp_path):
    started = start(bash(f"touch {tmp_path}/ran"), go=False)
    assert started.until("begun") is None
    started.kill()
    assert not (tmp_path / "ran").exists()


def test_it_runs_once_the_supervisor_says_go(tmp_path):
    started = start(bash(f"touch {tmp_path}/ran"), go=False)
    started.until("begun")
    started.pipe.send("go")
    assert started.end().result["state"] == "success"
    assert (tmp_path / "ran").exists()


def test_execution_timeout_covers_the_whole_try():
    task = bash("sleep 20", {"execution_timeout": {"$timedelta": "60s"}}, task=seconds_ago(61))
    before = time.monotonic()
    result = run(task).result
    assert (result["state"], result["error"]["type"]) == ("failed", "AirflowTaskTimeout")
    assert time.monotonic() - before < 10


def test_a_timeout_that_is_over_is_retried_as_airflow_would():
    task = bash(
        "true",
        {"execution_timeout": {"$timedelta": 1}, "retry_delay": {"$timedelta": 7}},
        task={"retries": 1, **seconds_ago(5)},
    )
    result = run(task).result
    assert (result["state"], result["retryDelayMs"]) == ("up_for_retry", 7000)


def test_a_timed_out_operator_is_killed_but_no_cancel_is_reported(tmp_path):
    parameters = {"mark": f"{tmp_path}/mark", "execution_timeout": {"$timedelta": 1}}
    ran = run(job("sample_ops", "Waits", parameters))
    assert ran.result["error"]["type"] == "AirflowTaskTimeout"
    assert (tmp_path / "mark").read_text() == "killed S-7\n"
    assert ran.of("onKill") == []


def test_a_deferral_waits_no_longer_than_is_left_of_the_try():
    limit = {"execution_timeout": {"$timedelta": 100}}
    deferral = run(job("sample_ops", "DeferTo", {"timeout_s": 500, **limit}, task=seconds_ago(40))).result["deferral"]
    assert 50_000 < deferral["timeoutMs"] <= 60_000
    shorter = run(job("sample_ops", "DeferTo", {"timeout_s": 5, **limit}, task=seconds_ago(40))).result["deferral"]
    assert shorter["timeoutMs"] == 5000


def test_a_sensor_its_user_put_in_reschedule_mode_keeps_airflows_timeout_of_each_poke(tmp_path):
    parameters = {"path": f"{tmp_path}/count", "n": 1, "mode": "reschedule", "execution_timeout": {"$timedelta": 1}}
    assert run(job("sample_ops", "Counter", parameters, task=seconds_ago(100))).result["state"] == "success"


def test_a_poke_mode_sensor_is_rescheduled_between_its_pokes(tmp_path):
    task = job(FILES, "FileSensor", {"filepath": f"{tmp_path}/never", "poke_interval": 30}, connections=FS)
    now_ms = time.time() * 1000
    ran = run(task)
    assert ran.of("begun") == ["readOnly"]
    assert ran.result["state"] == "up_for_reschedule"
    assert 25_000 < ran.result["rescheduleAt"] - now_ms < 40_000
    assert ran.result["firstStartedAt"] >= now_ms - 1000


def test_the_first_poke_is_what_a_sensors_timeout_counts_from(tmp_path):
    first = int((time.time() - 100) * 1000)
    parameters = {"filepath": f"{tmp_path}/never", "poke_interval": 30, "timeout": 99}
    result = run(job(FILES, "FileSensor", parameters, connections=FS, firstStartedAt=first, task={"retries": 2})).result
    assert (result["state"], result["error"]["type"]) == ("failed", "AirflowSensorTimeout")


def test_a_sensor_that_keeps_state_on_itself_stays_in_one_process(tmp_path):
    result = run(job("sample_ops", "KeepsState", {"path": f"{tmp_path}/count", "n": 2, "poke_interval": 1})).result
    assert result["state"] == "success"


@pytest.mark.parametrize(
    ("retries", "attempt", "state"),
    [(2, 1, "up_for_retry"), (2, 2, "up_for_retry"), (2, 3, "failed"), (0, 1, "failed")],
)
def test_a_failed_try_is_retried_while_retries_are_left(retries, attempt, state):
    result = run(bash("exit 1", task={"retries": retries, "tryNumber": attempt})).result
    assert result["state"] == state


def test_the_operators_own_retries_win():
    assert run(bash("exit 1", {"retries": 0}, task={"retries": 3})).result["state"] == "failed"


def test_the_retry_delay_grows_by_airflows_own_rule():
    parameters = {
        "retry_delay": {"$timedelta": 10},
        "retry_exponential_backoff": True,
        "max_retry_delay": {"$timedelta": "1h"},
    }
    delays = [
        run(bash("exit 1", parameters, task={"retries": 9, "tryNumber": n})).result["retryDelayMs"] for n in (1, 2, 3)
    ]
    assert 10_000 <= delays[0] < 20_000 <= delays[1] < 40_000 <= delays[2] < 80_000


def test_callbacks_get_the_arguments_of_their_deferral():
    result = run_to_end(job("sample_ops", "Twice", {"msg": "{{ params.who }}", "carry": True}))
    assert result["xcoms"]["first"] == {"event": {"ticks": 2}, "msg": "bob"}
    assert result["xcoms"]["return_value"] == {"event": {"ticks": 1}, "a": 1, "msg": "bob"}
    assert result["segments"] == 3


def test_what_an_operator_keeps_on_itself_is_given_back():
    assert run(job("sample_ops", "Twice")).result["operatorState"] == {"job_id": "J-1"}


def test_a_trigger_that_takes_too_long_fails_its_task_in_airflows_words(major):
    resume = {"kind": "resume", "nextMethod": "__fail__", "nextKwargs": {"error": "Trigger timeout"}}
    error = run(job("sample_ops", "DeferTo", **resume)).result["error"]
    assert error["type"] == ("TaskDeferralTimeout" if major == 3 else "TaskDeferralError")


def test_start_from_trigger_goes_to_the_trigger_without_execute():
    parameters = {"target_time": "2026-01-01T00:00:00+00:00", "start_from_trigger": True, "end_from_trigger": True}
    ran = run(job("airflow.providers.standard.sensors.date_time", "DateTimeSensorAsync", parameters))
    assert ran.result["state"] == "deferred"
    assert ran.result["deferral"]["classpath"].endswith("DateTimeTrigger")


def hook(method, **more):
    spec = {
        "module": "airflow.providers.databricks.hooks.databricks",
        "name": "DatabricksHook",
        "parameters": {"databricks_conn_id": "dbx"},
        "method": method,
        "args": more.pop("args", {"run_id": 1001}),
    }
    allowed = {**ALLOWED, "hooks": ["airflow.providers.databricks.hooks.databricks.DatabricksHook.get_run*"]}
    task = job("x", "y", kind="hook", hook=spec, allowed=allowed, **more)
    del task["operator"]
    return task


def test_a_hooks_method_answers_as_xcom(services):
    services.submit({"idempotency_token": "t"})
    ran = run(hook("get_run", connections={"dbx": services.databricks()}))
    assert ran.result["xcoms"]["return_value"]["run_id"] == 1001
    assert ran.of("begun") == [None]


def test_a_hooks_answer_that_is_no_json_is_refused_in_words(services):
    services.submit({"idempotency_token": "t"})
    result = run(hook("get_run_state", connections={"dbx": services.databricks()})).result
    assert (result["state"], result["code"]) == ("failed", "INVALID_TASK")
    assert "RunState" in result["error"]["message"]


def test_a_hooks_method_outside_the_list_is_refused(services):
    result = run(hook("cancel_run", connections={"dbx": services.databricks()})).result
    assert result["code"] == "PERMISSION_DENIED"
    assert services.requests == []
