"""Functions for PythonOperator."""

import logging
import os
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, BaseHook

from longhaul_demo.files import note


def read_variable(name: str) -> Any:
    """Each major has its own."""
    try:
        from airflow.sdk import Variable
    except ImportError:
        from airflow.models import Variable
    return Variable.get(name)


def push_two(given: str, **context: Any) -> dict[str, Any]:
    context["ti"].xcom_push("extra", {"given": given})
    return {"answer": 42, "variable": read_variable("greeting")}


def skip(**context: Any) -> None:
    raise AirflowSkipException("nothing to do")


def fail_hard(**context: Any) -> None:
    raise AirflowFailException("never retry this")


def boom(**context: Any) -> None:
    raise ValueError("boom")


def talk(lines: int, **context: Any) -> None:
    """Says something in each way that a log has, then fails."""
    logging.getLogger("airflow.task").info("said by the log")
    print("said by print")
    for number in range(lines):
        print(f"line {number}")
    raise ValueError("said by the traceback")


def talk_slowly(folder: str, **context: Any) -> None:
    """A line, then silence until the test lets go, then another line."""
    from longhaul_demo.files import wait_for

    print("the first line", flush=True)
    wait_for(f"{folder}/go")
    print("the last line", flush=True)


def leak(secret: str, file: str, **context: Any) -> dict[str, Any]:
    """Shows all it was given in every way it can; only the file, which the test reads, may tell."""
    password = BaseHook.get_connection("leaky").password
    variable = read_variable("leaky")
    note(file, f"{secret} {password} {variable}")
    print("printed", secret, password, variable)
    logging.getLogger("airflow.task").info("logged %s %s %s", secret, password, variable)
    context["ti"].xcom_push("pushed", [secret, {"password": password}])
    if context["params"].get("mode") == "fail":
        raise ValueError(f"no access with {secret}, {password} and {variable}")
    return {"returned": f"{secret} {password} {variable}"}


def environment(file: str, **context: Any) -> list[str]:
    """The names a child sees; the values of its parent's own credentials must not be among them."""
    note(file, "\n".join(f"{name}={value}" for name, value in os.environ.items()))
    return sorted(os.environ)
