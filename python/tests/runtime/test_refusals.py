"""What the project does not allow, or what needs a DAG, is refused by name, before anything of it runs."""

import pytest
from harness import ALLOWED, job, run, run_to_end


def refused(task, code):
    ran = run(task)
    assert (ran.result["state"], ran.result["code"]) == ("failed", code)
    assert ran.of("begun") == []
    return ran.result["error"]["message"]


def test_an_unlisted_class_is_refused_by_name():
    assert "os.system" in refused(job("os", "system"), "PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("airflow.providers.standard.operators.bash", "os.path"),
        ("airflow.providers.__x", "A"),
        ("airflow.providers.x", "__class__"),
    ],
)
def test_the_ways_to_pythons_own_machinery_are_refused(module, name):
    refused(job(module, name), "PERMISSION_DENIED")


def test_a_shell_like_operator_is_refused_unless_it_is_switched_on():
    bash = job("airflow.providers.standard.operators.bash", "BashOperator", {"bash_command": "true"}, allowed={})
    assert "shell_operators" in refused(bash, "PERMISSION_DENIED")


def test_a_subclass_of_a_shell_like_operator_is_shell_like_too():
    allowed = {**ALLOWED, "shell_operators": False}
    task = job("sample_ops", "HiddenShell", {"bash_command": "true"}, allowed=allowed)
    assert "BashOperator" in refused(task, "PERMISSION_DENIED")


def test_what_needs_a_dag_is_refused_in_words():
    sensor = job("airflow.providers.standard.sensors.external_task", "ExternalTaskSensor", {"external_dag_id": "d"})
    assert "another DAG" in refused(sensor, "UNSUPPORTED")


def test_a_class_that_is_no_operator_is_refused():
    hook = job("airflow.providers.http.hooks.http", "HttpHook")
    assert "not an Airflow operator" in refused(hook, "INVALID_TASK")


def test_a_provider_that_is_not_installed_is_named():
    assert "airflow.providers.nowhere" in refused(job("airflow.providers.nowhere", "X"), "INVALID_TASK")


def test_an_operator_that_refuses_its_parameters_says_so_in_its_own_words():
    assert "size must be at most 3" in refused(job("sample_ops", "Picky", {"size": 4}), "INVALID_TASK")


def test_a_callable_outside_the_list_is_refused():
    task = job(
        "airflow.providers.standard.operators.python", "PythonOperator", {"python_callable": {"$callable": "os:system"}}
    )
    assert "os:system" in refused(task, "PERMISSION_DENIED")


def test_a_trigger_outside_the_list_ends_the_task_when_it_defers():
    allowed = {**ALLOWED, "triggers": ["airflow.providers.*"]}
    result = run(job("sample_ops", "Twice", allowed=allowed)).result
    assert (result["state"], result["code"]) == ("failed", "PERMISSION_DENIED")
    assert "sample_ops.CountTrigger" in result["error"]["message"]


def test_a_task_refused_at_its_deferral_is_killed_because_nobody_would_wait_for_it(tmp_path):
    allowed = {**ALLOWED, "triggers": ["airflow.providers.*"]}
    ran = run(job("sample_ops", "DeferTo", {"mark": f"{tmp_path}/mark"}, allowed=allowed))
    assert ran.result["code"] == "PERMISSION_DENIED"
    assert (tmp_path / "mark").read_text() == "on_kill job=J-9\n"


def test_deferrable_is_left_out_for_an_operator_that_does_not_know_it():
    bash = job(
        "airflow.providers.standard.operators.bash", "BashOperator", {"bash_command": "echo x", "deferrable": True}
    )
    assert run(bash).result["xcoms"] == {"return_value": "x"}


def test_what_needs_the_metadata_database_fails_at_once_in_words():
    result = run(job("sample_ops", "AsksDatabase", task={"retries": 2})).result
    assert (result["state"], result["code"]) == ("failed", "UNSUPPORTED")
    assert "metadata database" in result["error"]["message"]


def test_a_trigger_that_ends_without_an_event_fails_the_task():
    result = run_to_end(job("sample_ops", "DeferTo", {"trigger": "EndingTrigger"}))
    assert (result["state"], result["error"]["type"]) == ("failed", "TaskDeferralError")
