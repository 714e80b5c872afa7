"""Fills Airflow's caches in the fork server with one empty segment, and leaves the process as it was."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable, Sequence

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.load import Channel
from longhaul_airflow.runtime.secrets_backend import leave_process_scope
from longhaul_airflow.segment import SegmentJob, SegmentResult, UpdateKind
from longhaul_airflow.task.trial import trial_context

Run = Callable[[SegmentJob, Channel], SegmentResult]


def preload(run: Run, modules: Sequence[str]) -> None:
    for module in modules:
        _import(module)
    handler = signal.getsignal(signal.SIGTERM)
    environment = dict(os.environ)
    try:
        _compile_a_template()
        result = run(empty_job(), _NoChannel())
    finally:
        signal.signal(signal.SIGTERM, handler)
        leave_process_scope()
        _restore(environment)
    check(result)


def _compile_a_template() -> None:
    """Jinja imports and builds much at its first template: once here instead of once in each child."""
    from jinja2.sandbox import SandboxedEnvironment

    SandboxedEnvironment(cache_size=0).from_string("{{ ds }}").render(ds=1)


def check(result: SegmentResult) -> None:
    """@raises LonghaulError CONFIG for an Airflow that does not do what this worker expects of it."""
    if result["state"] == "success" and not result["unknownMessages"]:
        return
    why = result.get("error", {}).get("message") or f"unknown messages: {', '.join(result['unknownMessages'])}"
    raise LonghaulError(
        "CONFIG",
        f"this Airflow did not run an empty task: {why}",
        advice="Install requirements/airflow3.txt or requirements/airflow2.txt unchanged.",
    )


def empty_job() -> SegmentJob:
    return {
        "kind": "execute",
        "operator": {"module": "airflow.providers.standard.operators.empty", "name": "EmptyOperator", "parameters": {}},
        "task": trial_context("warm-up"),
        "token": "",
        "connections": {},
        "variables": {},
        "xcoms": {},
        "taskState": {},
        "allowed": {"operators": ["airflow.providers.standard.operators.empty.EmptyOperator"]},
    }


class _NoChannel:
    def send(self, kind: UpdateKind, data: Foreign) -> None:
        """Nobody listens."""

    def wait_for_go(self) -> None:
        """Nobody has to agree."""


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except Exception as error:
        raise LonghaulError(
            "CONFIG",
            f"the module {module} to preload cannot be imported: {type(error).__name__}: {error}",
            advice="Take it off the list, or install what it needs.",
        ) from error


def _restore(environment: dict[str, str]) -> None:
    """Airflow's runner exports the task's names (`AIRFLOW_CTX_*`): the next task must not find them."""
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
