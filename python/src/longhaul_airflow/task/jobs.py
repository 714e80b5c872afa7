"""What children and triggers are given: the task's meta with its secrets resolved. Never logged, never kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from longhaul_airflow.secrets.task_secrets import TaskSecrets, secret_values
from longhaul_airflow.segment import SegmentJob, SegmentKind, TriggerJob
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.task.metadata import work_of
from longhaul_airflow.task.values import check_values
from longhaul_airflow.wire import AirflowMetadata, HookSpec, JsonObject, OperatorSpec


@dataclass(frozen=True)
class ResolvedTask:
    """`meta` is unsealed; `work`, `connections` and `variables` hold values where the task names secrets."""

    meta: AirflowMetadata
    work: OperatorSpec
    connections: dict[str, JsonObject]
    variables: JsonObject
    values: list[str]
    allowed: AllowList


def resolve_task(meta: AirflowMetadata, secrets: TaskSecrets, sealed_for: str) -> JsonObject:
    """The parts of a task in which references stand, each replaced.

    @raises LonghaulError PERMISSION_DENIED, SECRET_UNAVAILABLE, UNSUPPORTED.
    """
    return cast(JsonObject, secrets.resolve(references_of(meta), sealed_for))


def references_of(meta: AirflowMetadata) -> JsonObject:
    task = meta["task"]
    return {"work": work_of(meta), "connections": task["connections"], "variables": task["variables"]}


def resolved_task(meta: AirflowMetadata, resolved: JsonObject, allowed: AllowList) -> ResolvedTask:
    """Checked against the allow-list once more: it may have changed, and meta comes from a history.

    @raises LonghaulError PERMISSION_DENIED, UNSUPPORTED.
    """
    _check(meta, allowed)
    return ResolvedTask(
        meta=meta,
        work=resolved["work"],
        connections=resolved["connections"],
        variables=resolved["variables"],
        values=secret_values(references_of(meta), resolved),
        allowed=allowed,
    )


def _check(meta: AirflowMetadata, allowed: AllowList) -> None:
    work = work_of(meta)
    if "airflowHook" in meta:
        allowed.check_hook(work["module"], work["name"], meta["airflowHook"]["method"])
        check_values(meta["airflowHook"]["args"], allowed, "args")
    else:
        allowed.check_operator(work["module"], work["name"])
    check_values(work["parameters"], allowed)
    if "airflowTrigger" in meta:
        allowed.check_trigger(meta["airflowTrigger"]["classpath"])
    for connection in meta["task"]["connections"]:
        allowed.check_connection(connection)
    for variable in meta["task"]["variables"]:
        allowed.check_variable(variable)


def segment_job(task: ResolvedTask) -> SegmentJob:
    """The segment that the task's step asks for."""
    step = task.meta["step"]
    job = _job(task, "hook" if "airflowHook" in task.meta else "resume" if step["kind"] == "resume" else "execute")
    if step["kind"] == "poke":
        job["firstStartedAt"] = step["firstStartedAt"]
    if step["kind"] == "resume":
        job["nextMethod"] = step["nextMethod"]
        job["nextKwargs"] = step["nextKwargs"]
        if "event" in step:
            job["event"] = step["event"]
    return job


def kill_job(task: ResolvedTask) -> SegmentJob:
    """Stops what the task has started. While its job is not known by id and it has no trigger, it is fenced first."""
    job = _job(task, "kill")
    job["operatorState"] = task.meta["operatorState"]
    if "airflowTrigger" in task.meta:
        job["trigger"] = task.meta["airflowTrigger"]
    elif "jobId" not in task.meta:
        job["fence"] = True
    return job


def trigger_job(task: ResolvedTask, log_path: Path) -> TriggerJob:
    return {
        "logPath": str(log_path),
        "trigger": task.meta["airflowTrigger"],
        "task": task.meta["task"],
        "token": task.meta["token"],
        "connections": task.connections,
        "variables": task.variables,
        "allowed": task.allowed.to_json(),
    }


def _job(task: ResolvedTask, kind: SegmentKind) -> SegmentJob:
    job: SegmentJob = {
        "kind": kind,
        "task": task.meta["task"],
        "token": task.meta["token"],
        "connections": task.connections,
        "variables": task.variables,
        "secretValues": task.values,
        "xcoms": task.meta["xcoms"],
        "taskState": task.meta["taskState"],
        "allowed": task.allowed.to_json(),
    }
    if "airflowHook" in task.meta:
        job["hook"] = cast(HookSpec, task.work)
    else:
        job["operator"] = task.work
    return job
