"""What Airflow's Databricks hook and trigger see of a workspace: `airflow_scenarios.py SCENARIO` prints it as JSON."""

import asyncio
import json
import sys
import time

from airflow.providers.databricks.hooks.databricks import DatabricksHook
from airflow.providers.databricks.triggers.databricks import DatabricksExecutionTrigger

CONNECTION = "databricks_default"
NOTEBOOK = {"notebook_task": {"notebook_path": "/nb"}, "existing_cluster_id": "c"}


def new_hook():
    return DatabricksHook(CONNECTION, retry_delay=0.1)


def tasks(*keys):
    return [{"task_key": key, **NOTEBOOK} for key in keys]


def wait(hook, run_id):
    for _ in range(600):
        state = hook.get_run_state(run_id)
        if state.is_terminal:
            return {"life_cycle": state.life_cycle_state, "result": state.result_state, "successful": state.is_successful}
        time.sleep(0.05)
    raise TimeoutError(f"run {run_id} did not end")


def submitted():
    hook = new_hook()
    legacy = hook.submit_run({"run_name": "one task", **NOTEBOOK})
    run_id = hook.submit_run({"run_name": "two tasks", "tasks": tasks("a", "b")})
    ended = wait(hook, run_id)
    found = hook.get_run_tasks(run_id)
    return {
        "connection": hook.test_connection()[0],
        "legacy": wait(hook, legacy)["result"],
        **ended,
        "tasks": sorted(task["task_key"] for task in found),
        "page": hook.get_run_page_url(run_id),
        "job": hook.get_job_id(run_id) == hook.get_run(run_id)["job_id"],
        "output": hook.get_run_output(found[0]["run_id"])["notebook_output"].get("result"),
    }


def saved_jobs():
    hook = new_hook()
    ids = [hook.create_job({"name": f"job {number}", "tasks": tasks("a")}) for number in range(30)]
    hook.update_job(ids[3], {"name": "renamed"})
    acl = [{"group_name": "users", "permission_level": "CAN_VIEW"}]
    hook.reset_job(ids[4], {"name": "reset", "tasks": tasks("x"), "access_control_list": acl})
    # As Airflow's own operator sends it: every kind of parameter, all empty but one.
    run_id = hook.run_now({"job_id": ids[3], "notebook_params": {"day": "mon"}, "python_params": [], "jar_params": []})
    state = wait(hook, run_id)
    hook.delete_run(run_id)
    return {
        "listed": len(hook.list_jobs()),
        "by_name": hook.find_job_id_by_name("renamed") == ids[3],
        "reset": hook.find_job_id_by_name("reset") == ids[4],
        "unknown": hook.find_job_id_by_name("nobody"),
        "result": state["result"],
        "deleted": message_of(lambda: hook.get_run_state(run_id)),
    }


def message_of(act):
    try:
        act()
    except Exception as error:
        return str(error)
    return None


def canceled():
    hook = new_hook()
    run_id = hook.submit_run({"run_name": "endless", "tasks": tasks("a")})
    hook.cancel_run(run_id)
    return wait(hook, run_id)


def repaired():
    hook = new_hook()
    run_id = hook.submit_run({"run_name": "broken", "tasks": tasks("a", "b")})
    first = wait(hook, run_id)
    before = hook.get_latest_repair_id(run_id)
    repair_id = hook.repair_run({"run_id": run_id, "rerun_all_failed_tasks": True})
    return {
        "first": first,
        "before": before,
        "second": wait(hook, run_id),
        "latest": hook.get_latest_repair_id(run_id) == repair_id,
    }


async def read_asynchronously(run_id):
    async with new_hook() as hook:
        state = await hook.a_get_run_state(run_id)
        run = await hook.a_get_run(run_id)
        output = await hook.a_get_run_output(run["tasks"][0]["run_id"])
        page = await hook.a_get_run_page_url(run_id)
    return {"result": state.result_state, "tasks": len(run["tasks"]), "output": output["notebook_output"], "page": page}


def asynchronous():
    hook = new_hook()
    run_id = hook.submit_run({"run_name": "read", "tasks": tasks("a")})
    wait(hook, run_id)
    return asyncio.run(read_asynchronously(run_id))


async def event_of(**given):
    trigger = DatabricksExecutionTrigger(databricks_conn_id=CONNECTION, polling_period_seconds=0.1, **given)
    events = [event.payload async for event in trigger.run()]
    assert len(events) == 1, events
    event = events[0]
    return {"state": json.loads(event["run_state"]), "errors": event["errors"], "page": event["run_page_url"]}


def triggered():
    hook = new_hook()
    good = hook.submit_run({"run_name": "good", "tasks": tasks("a")})
    bad = hook.submit_run({"run_name": "broken", "tasks": tasks("a")})
    one_task = {"run_id": good, "workflow_run_id": good, "databricks_task_key": "a"}
    return {
        "good": asyncio.run(event_of(run_id=good, run_page_url="page")),
        "bad": asyncio.run(event_of(run_id=bad)),
        "task": asyncio.run(event_of(**one_task))["state"],
    }


SCENARIOS = {act.__name__: act for act in (submitted, saved_jobs, canceled, repaired, asynchronous, triggered)}

if __name__ == "__main__":
    print(json.dumps({name: SCENARIOS[name]() for name in sys.argv[1].split(",")}))
