"""The same operator gives the same outcome and the same XComs as with Airflow itself (`dag.test()`)."""

import pytest
from harness import job, run_to_end
from scenarios import BREAK_DAG_TEST_OF_2, scenarios

NAMES = sorted(scenarios(""))


@pytest.mark.parametrize("name", NAMES)
def test_a_task_ends_as_in_airflow_itself(name, airflow_says, tmp_path, services, major):
    if major == 2 and name in BREAK_DAG_TEST_OF_2:
        pytest.skip("Airflow 2.11's own dag.test() breaks at this task")
    (tmp_path / "there").touch()
    scenario = scenarios(str(tmp_path))[name]
    mine = run_to_end(
        job(
            scenario.module,
            scenario.name,
            scenario.parameters,
            task={"taskId": name, "runId": airflow_says["run_id"]},
            connections={"fs_default": {"conn_type": "fs"}, "http_default": services.http()},
            variables={"greeting": "hi"},
        )
    )
    expected = airflow_says["tasks"][name]
    assert mine["state"] == expected["state"], mine
    assert mine["xcoms"] == expected["xcoms"]
