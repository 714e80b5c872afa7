"""The activities with scripted ports, called as Temporal calls them: inside an activity, with JSON only."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path
from typing import Any

from payloads import faults_of
from scripted_ports import ScriptedSegments, ScriptedTriggers
from tasks import DATABRICKS, NOW_MS, SCHEDULED_MS, deferral, meta_of, request
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DefaultFailureConverter, DefaultPayloadConverter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from longhaul_airflow.activities.connector_activities import ConnectorActivities, Dependencies
from longhaul_airflow.logs.task_logs import TaskLogs
from longhaul_airflow.secrets.sealing import Sealing, SealingKey
from longhaul_airflow.secrets.task_secrets import TaskSecrets
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.task.projects import Projects

CATEGORY = {"taskCategory": {"name": "airflow", "version": 0}}
WORKFLOW_ID = "task-1"
SECRET = "s3cret-value"
ENV = {"TASK_SECRET": SECRET}
POLICY = {"pollMinMs": 2_000, "pollMaxMs": 60_000, "onUnreachable": "wait", "unreachableBudgetMs": 1_800_000}

_METHODS = {"create": "create", "get": "get", "execute": "execute", "delete": "delete", "getLogs": "get_logs"}


class ActivityBench:
    """`call` checks every input, result and failure against the contract."""

    def __init__(self, folder: Path, *, allowed: AllowList | None = None, with_keys: bool = True) -> None:
        self.segments = ScriptedSegments()
        self.triggers = ScriptedTriggers()
        self.now_ms = NOW_MS
        self.heartbeats: list[Any] = []
        self.logs = TaskLogs(folder / "logs", host="worker-7")
        sealing = Sealing([SealingKey("k1", bytes(32))]) if with_keys else None
        self.secrets = TaskSecrets(env=ENV, allowed=("env:TASK_*",), sealing=sealing)
        self.activities = ConnectorActivities(
            Dependencies(
                airflow_major=3,
                segments=self.segments,
                triggers=self.triggers,
                projects=Projects(None, allowed or AllowList(shell_operators=True)),
                secrets=self.secrets,
                logs=self.logs,
                now_ms=lambda: self.now_ms,
                random=lambda: 0.0,
            )
        )

    def environment(self, name: str, *, attempt: int = 1, details: list[Any] | None = None) -> ActivityEnvironment:
        environment = ActivityEnvironment()
        environment.info = dataclasses.replace(
            environment.info,
            activity_type=name,
            attempt=attempt,
            workflow_id=WORKFLOW_ID,
            heartbeat_details=details or [],
            scheduled_time=dt.datetime.fromtimestamp(SCHEDULED_MS / 1000, dt.UTC),
        )
        environment.on_heartbeat = lambda *beat: self.heartbeats.append(beat[0])
        return environment

    async def call(self, name: str, call_input: dict[str, Any], **options: Any) -> Any:
        call_input = {**CATEGORY, **call_input}
        assert faults_of(f"{name}Input", call_input) == []
        method = getattr(self.activities, _METHODS[name])
        result = await self.environment(name, **options).run(method, json.loads(json.dumps(call_input)))
        assert faults_of(f"{name}Result", result) == []
        return json.loads(json.dumps(result))

    async def failure(self, name: str, call_input: dict[str, Any], **options: Any) -> ApplicationError:
        try:
            result = await self.call(name, call_input, **options)
        except ApplicationError as error:
            shape = "snapshot" if error.type == "NotChanged" else "failureDetails"
            for detail in error.details:
                assert faults_of(shape, detail) == []
            return error
        raise AssertionError(f"{name} answered {result}")

    async def create(self, custom: dict[str, Any], **more: Any) -> Any:
        return await self.call("create", {"request": request(custom, **more)})

    async def execute(self, meta: Any, **options: Any) -> Any:
        return await self.call("execute", {"meta": meta}, **options)


def poking(**step: Any) -> Any:
    """A sensor between two pokes, due now."""
    poke = {"kind": "poke", "firstStartedAt": NOW_MS - 60_000, "nextPokeAt": NOW_MS, **step}
    return meta_of({"operator": "airflow.providers.standard.sensors.filesystem.FileSensor"}, step=poke)


def get_input(meta: Any, **more: Any) -> dict[str, Any]:
    seen = {"phase": "RUNNING", "linkUris": [], "meta": meta}
    return {"meta": meta, "seen": seen, "submittedAt": NOW_MS, "externalId": "x", "policy": POLICY, **more}


SECRET_REF = {"$secret": "env:TASK_SECRET"}
WITH_SECRETS = {
    "operator": DATABRICKS,
    "parameters": {"json": {"key": SECRET_REF}},
    "connections": {"dbx": {"conn_type": "databricks", "password": SECRET_REF}},
    "variables": {"api_key": SECRET_REF},
}


def on_wire(error: BaseException) -> Failure:
    """As Temporal keeps it."""
    failure = Failure()
    DefaultFailureConverter().to_failure(error, DefaultPayloadConverter(), failure)
    return failure


def waiting(**more: Any) -> Any:
    """A deferred task."""
    trigger = {"classpath": deferral()["classpath"], "kwargs": {"run_id": 4711}}
    return meta_of(
        step={"kind": "trigger"},
        airflowTrigger=trigger,
        airflowTriggerCallback="execute_complete",
        nextKwargs={},
        operatorState={"run_id": 4711},
        jobId="4711",
        **more,
    )
