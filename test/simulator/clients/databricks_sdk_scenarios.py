"""Uses the simulated workspace as a user of databricks-sdk would: one function for each scenario, named on the command
line. Prints what it saw as one JSON object; the test holds it against the rule it states."""

import json
import sys
import time
from datetime import timedelta

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import DatabricksError, OperationFailed, ResourceDoesNotExist
from databricks.sdk.service import jobs

SOON = timedelta(seconds=60)


def notebook(key, **more):
    return {"task_key": key, "notebook_task": jobs.NotebookTask(notebook_path=f"/{key}"), **more}


def task(key, **more):
    return jobs.Task(**notebook(key, **more))


def submit_task(key, **more):
    return jobs.SubmitTask(**notebook(key, **more))


def states(run):
    return {
        "life_cycle": run.state.life_cycle_state.value,
        "result": run.state.result_state and run.state.result_state.value,
        "status": run.status.state.value,
        "code": run.status.termination_details.code.value,
    }


def error_of(call):
    try:
        call()
    except DatabricksError as error:
        return {"type": type(error).__name__, "code": error.error_code, "message": str(error)}
    return None


def submit_and_wait(w):
    run = w.jobs.submit_and_wait(run_name="sdk", tasks=[submit_task("a")], timeout=SOON)
    output = w.jobs.get_run_output(run.tasks[0].run_id)
    refused = error_of(lambda: w.jobs.get_run_output(run.run_id))
    return {**states(run), "run_id": str(run.run_id), "result_text": output.notebook_output.result, "refused": refused}


def failed_task(w):
    try:
        w.jobs.submit_and_wait(run_name="failing", tasks=[submit_task("a")], timeout=SOON)
    except OperationFailed as error:
        return {"raised": str(error)}
    return {}


def run_now(w):
    job_id = w.jobs.create(
        name="parametrized",
        parameters=[jobs.JobParameterDefinition(name="day", default="mon")],
        tasks=[
            task("first"),
            jobs.Task(
                task_key="second",
                depends_on=[jobs.TaskDependency(task_key="first")],
                notebook_task=jobs.NotebookTask(
                    notebook_path="/second", base_parameters={"on": "{{job.parameters.day}} by {{task.name}}"}
                ),
            ),
        ],
    ).job_id
    run = w.jobs.run_now(job_id, job_parameters={"day": "tue"}).result(timeout=SOON)
    only = w.jobs.run_now(job_id, only=["second"], idempotency_token="once").result(timeout=SOON)
    again = w.jobs.run_now(job_id, idempotency_token="once").run_id
    resolved = w.jobs.get_run(run.run_id, include_resolved_values=True).tasks[1].resolved_values
    return {
        **states(run),
        "parameters": [parameter.as_dict() for parameter in run.job_parameters],
        "resolved": resolved.notebook_task.base_parameters,
        "only": [one.task_key for one in only.tasks],
        "same_run": again == only.run_id,
        "in_job": [one.run_id for one in w.jobs.list_runs(job_id=job_id)] == [only.run_id, run.run_id],
    }


def repair(w):
    job_id = w.jobs.create(name="repaired", tasks=[task("a"), task("b"), task("c")]).job_id
    try:
        w.jobs.run_now(job_id).result(timeout=SOON)
    except OperationFailed:
        pass
    run_id = next(iter(w.jobs.list_runs(job_id=job_id))).run_id
    first = w.jobs.repair_run(run_id, rerun_all_failed_tasks=True)
    try:
        first.result(timeout=SOON)
    except OperationFailed:
        pass
    first_id = first.response.repair_id
    refused = error_of(lambda: w.jobs.repair_run(run_id, rerun_tasks=["c"]))
    twice = error_of(lambda: w.jobs.repair_run(run_id, rerun_tasks=["c", "c"], latest_repair_id=first_id))
    second = w.jobs.repair_run(run_id, rerun_tasks=["c"], latest_repair_id=first_id)
    run = second.result(timeout=SOON)
    history = w.jobs.get_run(run_id, include_history=True).repair_history
    return {
        **states(run),
        "refused": refused,
        "twice": twice,
        "types": [item.type.value for item in history],
        "results": [item.state.result_state.value for item in history],
        "task_runs": [len(item.task_run_ids) for item in history],
        "ids": [item.id for item in history] == [None, first_id, second.response.repair_id],
        "ended_in_order": [item.end_time for item in history] == sorted(item.end_time for item in history),
        "attempts": [[one.task_key, one.attempt_number] for one in run.tasks],
    }


def paging(w):
    created = [w.jobs.create(name=f"paged-{index}", tasks=[task("a")]).job_id for index in range(7)]
    submitted = [w.jobs.submit(run_name="paged", tasks=[submit_task("a")]).run_id for _ in range(7)]
    page = w.api_client.do("GET", "/api/2.2/jobs/runs/list", query={"limit": 3})
    older = w.api_client.do("GET", "/api/2.2/jobs/runs/list", query={"limit": 3, "page_token": page["next_page_token"]})
    back = w.api_client.do("GET", "/api/2.2/jobs/runs/list", query={"limit": 3, "page_token": older["prev_page_token"]})
    return {
        "jobs": [job.job_id for job in w.jobs.list(limit=3)] == created[::-1],
        "by_name": [job.job_id for job in w.jobs.list(name="PAGED-3")] == [created[3]],
        "runs": [run.run_id for run in w.jobs.list_runs(limit=3)] == submitted[::-1],
        "back": [run["run_id"] for run in back["runs"]] == [run["run_id"] for run in page["runs"]],
        "submitted_only": len(list(w.jobs.list_runs(run_type=jobs.RunType.JOB_RUN))),
    }


def cancel(w):
    waiter = w.jobs.submit(run_name="long", tasks=[submit_task("a"), submit_task("b")])
    run = w.jobs.cancel_run_and_wait(waiter.run_id, timeout=SOON)
    task_canceled = w.jobs.submit(run_name="long", tasks=[submit_task("a")])
    task_run = w.jobs.get_run(task_canceled.run_id).tasks[0].run_id
    w.jobs.cancel_run(task_run)
    other = w.jobs.wait_get_run_job_terminated_or_skipped(task_canceled.run_id, timeout=SOON)
    return {"run": states(run), "by_task": states(other), "flag": run.state.user_cancelled_or_timedout}


def many_tasks(w):
    # The SDK aggregates the pages.
    job_id = w.jobs.create(
        name="wide",
        tasks=[task(f"t{index}") for index in range(250)],
        parameters=[jobs.JobParameterDefinition(name=f"p{index}", default="x") for index in range(120)],
    ).job_id
    run = w.jobs.run_now(job_id).result(timeout=SOON)
    job = w.jobs.get(job_id)
    listed = list(w.jobs.list_runs(job_id=job_id, expand_tasks=True))
    keys = {one.task_key for one in run.tasks}
    return {
        **states(run),
        "keys": len(keys),
        "tasks": len(run.tasks),
        "run_parameters": len(run.job_parameters),
        "job": [len(job.settings.tasks), len(job.settings.parameters)],
        "listed": [len(one.tasks) for one in listed],
    }


def for_each(w):
    inputs = json.dumps([{"name": f"n{index}"} for index in range(130)])
    nested = jobs.Task(
        task_key="each",
        notebook_task=jobs.NotebookTask(notebook_path="/each", base_parameters={"who": "{{input.name}}"}),
    )
    loop = jobs.Task(task_key="loop", for_each_task=jobs.ForEachTask(inputs=inputs, task=nested, concurrency=50))
    job_id = w.jobs.create(name="looping", tasks=[loop]).job_id
    try:
        w.jobs.run_now(job_id).result(timeout=SOON)
    except OperationFailed:
        pass
    run = next(iter(w.jobs.list_runs(job_id=job_id, expand_tasks=True)))
    task_run = w.jobs.get_run(run.tasks[0].run_id, include_resolved_values=True)
    stats = run.tasks[0].for_each_task.stats
    return {
        "iterations": len(task_run.iterations),
        "keys": sorted({one.task_key for one in task_run.iterations}),
        "last": task_run.iterations[-1].resolved_values.notebook_task.base_parameters,
        "tasks": [one.task_key for one in task_run.tasks],
        "stats": stats.task_run_stats.as_dict(),
        "errors": [one.as_dict() for one in stats.error_message_stats],
        "result": run.tasks[0].state.result_state.value,
    }


def run_job(w):
    child = w.jobs.create(
        name="child", parameters=[jobs.JobParameterDefinition(name="x", default="1")], tasks=[task("inner")]
    ).job_id
    call = jobs.Task(task_key="call", run_job_task=jobs.RunJobTask(job_id=child, job_parameters={"x": "2"}))
    run = w.jobs.run_now(w.jobs.create(name="parent", tasks=[call]).job_id).result(timeout=SOON)
    output = w.jobs.get_run_output(run.tasks[0].run_id)
    started = w.jobs.get_run(output.run_job_output.run_id)
    return {
        **states(run),
        "child_job": started.job_id == child,
        "trigger": started.trigger.value,
        "trigger_run": started.trigger_info.run_id == run.tasks[0].run_id,
        "value": started.job_parameters[0].value,
    }


def job_changes(w):
    cluster = jobs.JobCluster.from_dict({"job_cluster_key": "small", "new_cluster": {"num_workers": 1, "spark_version": "x"}})
    job_id = w.jobs.create(name="changing", tasks=[task("a"), task("b")], job_clusters=[cluster], tags={"k": "v"}).job_id
    w.jobs.update(
        job_id,
        new_settings=jobs.JobSettings(name="changed", tasks=[task("b", max_retries=3), task("c")]),
        fields_to_remove=["tasks/a", "job_clusters/small", "tags"],
    )
    updated = w.jobs.get(job_id).settings
    w.jobs.reset(job_id, jobs.JobSettings(name="reset", tasks=[task("only")]))
    reset = w.jobs.get(job_id).settings
    w.jobs.delete(job_id)
    return {
        "updated": [updated.name, [[one.task_key, one.max_retries] for one in updated.tasks], updated.tags],
        "clusters": len(updated.job_clusters or []),
        "reset": [reset.name, [one.task_key for one in reset.tasks]],
        "gone": error_of(lambda: w.jobs.get(job_id)),
    }


def permissions(w):
    job_id = str(w.jobs.create(name="shared", tasks=[task("a")]).job_id)
    viewer = jobs.JobAccessControlRequest(user_name="ann@x.example", permission_level=jobs.JobPermissionLevel.CAN_VIEW)
    runner = jobs.JobAccessControlRequest(
        group_name="crew", permission_level=jobs.JobPermissionLevel.CAN_MANAGE_RUN
    )
    w.jobs.set_permissions(job_id, access_control_list=[viewer])
    w.jobs.update_permissions(job_id, access_control_list=[runner])
    seen = w.permissions.get("jobs", job_id)
    levels = w.jobs.get_permission_levels(job_id).permission_levels
    return {
        "object": seen.object_id == f"/jobs/{job_id}",
        "levels": [one.all_permissions[0].permission_level.value for one in seen.access_control_list],
        "offered": len(levels),
    }


def missing(w):
    return {
        "run": error_of(lambda: w.jobs.get_run(1)),
        "job": error_of(lambda: w.jobs.get(1)),
        "is_missing": isinstance_of(lambda: w.jobs.get_run(1), ResourceDoesNotExist),
    }


def isinstance_of(call, kind):
    try:
        call()
    except DatabricksError as error:
        return isinstance(error, kind)
    return False


def throttled(w):
    started = time.monotonic()
    run_id = w.jobs.submit(run_name="throttled", tasks=[submit_task("a")]).run_id
    return {"waited": time.monotonic() - started, "run_id": str(run_id)}


def who(w):
    versions = w.clusters.spark_versions().versions
    run = w.jobs.submit_and_wait(run_name="m2m", tasks=[submit_task("a")], timeout=SOON)
    return {"auth": w.config.auth_type, "versions": len(versions), **states(run)}


def export(w):
    run = w.jobs.submit_and_wait(run_name="exported", tasks=[submit_task("a")], timeout=SOON)
    views = w.jobs.export_run(run.tasks[0].run_id, views_to_export=jobs.ViewsToExport.ALL).views
    w.jobs.delete_run(run.run_id)
    return {
        "views": [[view.name, view.type.value, view.content.startswith("<!DOCTYPE html>")] for view in views],
        "deleted": error_of(lambda: w.jobs.get_run(run.run_id)),
    }


def main():
    print(json.dumps(globals()[sys.argv[1]](WorkspaceClient())))


main()
