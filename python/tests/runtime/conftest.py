"""Airflow itself runs beside the tests, in a process and a database of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "src")]

from services import Services  # noqa: E402

HERE = Path(__file__).parent
# Python's fork server preloads with its own path only, and is silent about what it cannot import.
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parents[1] / "src")])


def pytest_collection_modifyitems(items):
    """The comparison last: Airflow's own run has the time of all other tests."""
    items.sort(key=lambda item: "parity" in item.nodeid)


@pytest.fixture(scope="session")
def major():
    from longhaul_airflow.runtime.load import detect_major

    return detect_major()


@pytest.fixture
def services():
    made = Services()
    yield made
    made.close()


@pytest.fixture(scope="session", autouse=True)
def airflow_run(tmp_path_factory, request):
    """Started with the first test, when there is anything to compare."""
    if not any("parity" in item.nodeid for item in request.session.items):
        yield None
        return
    home, folder, hello = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("folder"), Services()
    (folder / "there").touch()
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW_VAR_GREETING": "hi",
        "AIRFLOW_CONN_FS_DEFAULT": '{"conn_type": "fs"}',
        "AIRFLOW_CONN_HTTP_DEFAULT": json.dumps(hello.http()),
        "PYTHONPATH": str(HERE),
    }
    log = (home / "log.txt").open("w+")
    script = (
        f'"{sys.executable}" -m airflow db migrate && exec "{sys.executable}" "{HERE}/airflow_itself.py" "{folder}"'
    )
    process = subprocess.Popen(["sh", "-c", script], env=environment, stdout=log, stderr=subprocess.STDOUT)
    yield process, home / "log.txt"
    process.kill()
    process.wait()
    hello.close()


@pytest.fixture(scope="session")
def airflow_says(airflow_run):
    """`{"run_id", "tasks": {name: {"state", "xcoms"}}}`"""
    process, log = airflow_run
    process.wait(timeout=120)
    lines = log.read_text().splitlines()
    results = [line for line in lines if line.startswith("RESULT ")]
    assert results, "\n".join(lines[-40:])
    return json.loads(results[0].removeprefix("RESULT "))
