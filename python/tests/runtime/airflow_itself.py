"""Runs every scenario with Airflow's own `dag.test()` on its own database; prints `{name: {state, xcoms}}`.

A program of its own, so that nothing of it touches the process of the tests. Nothing of ours is imported here.
"""

import datetime as dt
import importlib
import json
import os
import sys
from pathlib import Path

import airflow
import scenarios as given

IS_3 = airflow.__version__.startswith("3")
if IS_3:
    from airflow.sdk import DAG
else:
    from airflow.models.dag import DAG


def main(folder):
    """One DAG with a task per scenario; Airflow 3 wants it in its DAG folder too."""
    os.environ["SCENARIO_FOLDER"] = folder
    dags = Path(os.environ["AIRFLOW_HOME"], "dags")
    dags.mkdir(exist_ok=True)
    (dags / "itself.py").write_text("from airflow import DAG\nimport airflow_itself\n\ndag = airflow_itself.dag()\n")
    logical = dt.datetime.fromisoformat(given.LOGICAL_DATE)
    dag_run = dag().test(logical_date=logical) if IS_3 else dag().test(execution_date=logical)
    states = {ti.task_id: str(getattr(ti.state, "value", ti.state)) for ti in dag_run.get_task_instances()}
    pushed = xcoms(dag_run)
    ran = {name: {"state": states[name], "xcoms": pushed.get(name, {})} for name in compared(folder)}
    print("RESULT " + json.dumps({"run_id": dag_run.run_id, "tasks": ran}))  # noqa: T201


def compared(folder):
    """Airflow 2.11's `dag.test()` breaks at a timed-out task (`AirflowTaskTimeout` is no `Exception`), and never ends
    where a trigger raises."""
    broken = set() if IS_3 else given.BREAK_DAG_TEST_OF_2
    return {name: one for name, one in given.scenarios(folder).items() if name not in broken}


def dag():
    from airflow.providers.standard.operators.python import PythonOperator

    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    with DAG("itself", schedule=None, start_date=start, params=given.PARAMS) as made:
        up = PythonOperator(task_id="up", python_callable=upstream_value)
        for name, scenario in compared(os.environ["SCENARIO_FOLDER"]).items():
            cls = getattr(importlib.import_module(scenario.module), scenario.name)
            up >> cls(task_id=name, **revived(scenario.parameters))
    return made


def xcoms(dag_run):
    """As they are stored: 2 keeps JSON text, 3 JSON."""
    from airflow.utils.session import create_session

    if IS_3:
        from airflow.models.xcom import XComModel as XCom
    else:
        from airflow.models.xcom import XCom
    found = {}
    with create_session() as session:
        for task_id, key, value in session.query(XCom.task_id, XCom.key, XCom.value).filter(XCom.dag_id == "itself"):
            if not key.startswith("_link_"):
                found.setdefault(task_id, {})[key] = value if IS_3 else json.loads(value)
    return found


def upstream_value():
    return given.UPSTREAM["up"]["return_value"]


def revived(value):
    if isinstance(value, dict):
        if "$callable" in value:
            module, _, name = value["$callable"].partition(":")
            return getattr(importlib.import_module(module), name)
        if "$timedelta" in value:
            return dt.timedelta(seconds=float(value["$timedelta"].removesuffix("s")))
        return {key: revived(entry) for key, entry in value.items()}
    return value


if __name__ == "__main__":
    main(sys.argv[1])
