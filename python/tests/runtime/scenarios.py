"""Tasks that Airflow itself and our runtime both run; outcome and XComs must be equal. Plain data."""

from dataclasses import dataclass, field
from typing import Any

# Airflow's default is 300 s, and it would be waited out.
SOON = {"$timedelta": "0.1s"}
STANDARD = "airflow.providers.standard"
BASH = f"{STANDARD}.operators.bash"
PYTHON = f"{STANDARD}.operators.python"
FILES = f"{STANDARD}.sensors.filesystem"
HTTP = "airflow.providers.http.operators.http"

# A time-out there is no `Exception` and ends `dag.test()` itself; a trigger that raises is waited for without end.
BREAK_DAG_TEST_OF_2 = {"bash_time_out", "trigger_raises"}
LOGICAL_DATE = "2026-01-02T03:04:05+00:00"
PARAMS = {"who": "bob"}
UPSTREAM = {"up": {"return_value": {"n": 7}}}


@dataclass(frozen=True)
class Scenario:
    module: str
    name: str
    parameters: dict[str, Any] = field(default_factory=dict)


def scenarios(folder: str) -> dict[str, Scenario]:
    """`folder` holds a file `there` and is private to whoever runs them."""
    there, never = f"{folder}/there", f"{folder}/never"
    template = (
        "echo {{ params.who }}/{{ ds }}/{{ run_id }}/{{ ti.xcom_pull(task_ids='up')['n'] }}/{{ var.value.greeting }}"
    )
    return {
        "bash_template": Scenario(BASH, "BashOperator", {"bash_command": template}),
        "bash_exit_99": Scenario(BASH, "BashOperator", {"bash_command": "exit 99", "retries": 3, "retry_delay": SOON}),
        "bash_fails": Scenario(BASH, "BashOperator", {"bash_command": "exit 1"}),
        "bash_retries": Scenario(BASH, "BashOperator", {"bash_command": "exit 1", "retries": 2, "retry_delay": SOON}),
        "bash_bad_template": Scenario(BASH, "BashOperator", {"bash_command": "echo {{ no_such.thing.at_all }}"}),
        "bash_time_out": Scenario(
            BASH, "BashOperator", {"bash_command": "sleep 30", "execution_timeout": {"$timedelta": "1s"}}
        ),
        "python_xcom": _python("push_two", op_kwargs={"a": "{{ ts }}"}),
        "python_multiple_outputs": _python("push_two", op_kwargs={"a": 1}, multiple_outputs=True),
        "python_rich_xcom": _python("give_datetime"),
        "python_skips": _python("skip", retries=3, retry_delay=SOON),
        "python_never_retries": _python("fail_hard", retries=3, retry_delay=SOON),
        "python_raises": _python("boom"),
        "python_exits": _python("exit_with_2"),
        "python_retries": _python("boom", retries=1, retry_delay=SOON),
        "http_sync": Scenario(HTTP, "HttpOperator", {"endpoint": "hello?d={{ ds }}", "method": "GET"}),
        "http_deferrable": Scenario(HTTP, "HttpOperator", {"endpoint": "hello", "method": "GET", "deferrable": True}),
        "http_not_found": Scenario(HTTP, "HttpOperator", {"endpoint": "nothing", "method": "GET"}),
        "file_poke": Scenario(FILES, "FileSensor", {"filepath": there, "poke_interval": 1}),
        "file_reschedule": Scenario(FILES, "FileSensor", {"filepath": there, "mode": "reschedule"}),
        "file_deferrable": Scenario(FILES, "FileSensor", {"filepath": there, "deferrable": True, "poke_interval": 0.2}),
        "file_times_out": Scenario(
            FILES,
            "FileSensor",
            {"filepath": never, "poke_interval": 1, "timeout": 1, "retries": 2, "retry_delay": SOON},
        ),
        "file_soft_fails": Scenario(
            FILES, "FileSensor", {"filepath": never, "poke_interval": 1, "timeout": 1, "soft_fail": True}
        ),
        "sensor_backs_off": Scenario(
            "sample_ops",
            "Counter",
            {"path": f"{folder}/backs", "n": 2, "poke_interval": 1, "exponential_backoff": True, "max_wait": 1},
        ),
        "sensor_gives_value": Scenario(
            "sample_ops", "Counter", {"path": f"{folder}/value", "n": 2, "poke_interval": 1, "xcom": {"rows": 3}}
        ),
        "time_delta": Scenario(
            f"{STANDARD}.sensors.time_delta", "TimeDeltaSensorAsync", {"delta": {"$timedelta": "1s"}}
        ),
        "date_time": Scenario(
            f"{STANDARD}.sensors.date_time", "DateTimeSensorAsync", {"target_time": "{{ logical_date.isoformat() }}"}
        ),
        "defers_twice": Scenario("sample_ops", "Twice", {"msg": "{{ params.who }}"}),
        "trigger_raises": Scenario("sample_ops", "DeferTo", {"trigger": "BadTrigger"}),
        "empty": Scenario(f"{STANDARD}.operators.empty", "EmptyOperator"),
    }


def _python(function: str, **parameters: Any) -> Scenario:
    callable_ = {"$callable": f"sample_ops:{function}"}
    return Scenario(PYTHON, "PythonOperator", {"python_callable": callable_, **parameters})
