"""Tasks for tests: requests, allow-lists, meta, results."""

from __future__ import annotations

from typing import Any

from longhaul_airflow.segment import SegmentResult, SegmentState, empty_result
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.task.metadata import create_metadata
from longhaul_airflow.task.task_spec import Creation
from longhaul_airflow.wire import AirflowMetadata

# Of a workflow run that began at BEGAN_MS: Temporal's run ids are UUIDs of version 7.
BEGAN_MS = 1_700_000_000_000
RUN_ID = "018bcfe5-6800-7000-8000-000000000000"
SCHEDULED_MS = BEGAN_MS + 5_000
NOW_MS = BEGAN_MS + 60_000

DATABRICKS = "airflow.providers.databricks.operators.databricks.DatabricksSubmitRunOperator"
FILE_SENSOR = "airflow.providers.standard.sensors.filesystem.FileSensor"
BASH = "airflow.providers.standard.operators.bash.BashOperator"
HTTP_HOOK = "airflow.providers.http.hooks.http.HttpHook"

SHELL = AllowList(shell_operators=True)


def token(attempt: int = 1) -> str:
    return f"lh-{RUN_ID}-{attempt}"


def request(
    custom: dict[str, Any], *, attempt: int = 1, name: str | None = "nightly load", **more: Any
) -> dict[str, Any]:
    template = {"type": "airflow", "version": 0, "custom": custom, **({} if name is None else {"name": name})}
    return {"template": template, "idempotencyToken": token(attempt), **more}


def creation(custom: dict[str, Any], *, allowed: AllowList = SHELL, **more: Any) -> Creation:
    return Creation(
        request=request(custom, **more),
        workflow_id="flyte:default:o:p:d:exec:n0:t/1:0",
        scheduled_at_ms=SCHEDULED_MS,
        airflow_major=3,
        allowed=allowed,
    )


def meta_of(custom: dict[str, Any] | None = None, **changes: Any) -> AirflowMetadata:
    made = create_metadata(creation(custom or {"operator": DATABRICKS, "parameters": {"json": {}}}))
    return {**made, **changes}  # type: ignore[typeddict-item]


def result(state: SegmentState, **more: Any) -> SegmentResult:
    return {**empty_result(state), **more}  # type: ignore[typeddict-item, return-value]


def deferral(**more: Any) -> dict[str, Any]:
    return {
        "classpath": "airflow.providers.databricks.triggers.databricks.DatabricksExecutionTrigger",
        "kwargs": {"run_id": 4711},
        "nextMethod": "execute_complete",
        "nextKwargs": {},
        **more,
    }
