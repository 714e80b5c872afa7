"""The context of tasks of our own, with which a worker tries out its Airflow."""

from __future__ import annotations

import time

from longhaul_airflow.wire import TaskContext


def trial_context(task_id: str) -> TaskContext:
    return {
        "dagId": "longhaul",
        "taskId": task_id,
        "runId": task_id,
        "tryNumber": 1,
        "retries": 0,
        "startedAt": int(time.time() * 1000),
        "logicalDate": "2026-01-01T00:00:00+00:00",
        "conf": {},
        "params": {},
        "upstream": {},
        "connections": {},
        "variables": {},
    }
