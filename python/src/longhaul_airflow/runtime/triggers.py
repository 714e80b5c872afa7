"""Triggers in the worker process, where those of many tasks wait on one loop."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from longhaul_airflow.errors import LonghaulError, invalid_task
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.masking import connection_secrets
from longhaul_airflow.runtime.operator import import_named
from longhaul_airflow.runtime.secrets_backend import Scope, current_scope, scoped
from longhaul_airflow.runtime.trigger_logs import log_of_trigger
from longhaul_airflow.segment import TriggerOutcome, TriggerSurroundings
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.wire import JsonObject, TriggerSpec

_TRACEBACK_LINES = 30


def load_trigger(trigger: TriggerSpec, allowed: AllowList, base: Foreign, kwargs: JsonObject) -> Foreign:
    """The class path comes back from a task's history: it is checked again before anything is imported.

    @raises LonghaulError
    """
    classpath = trigger["classpath"]
    allowed.check_trigger(classpath)
    module, _, name = classpath.rpartition(".")
    cls = import_named(module, name, "trigger")
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise invalid_task("trigger", f"{classpath} is not an Airflow trigger")
    try:
        return cls(**kwargs)
    except Exception as error:
        words = f"trigger: {classpath} refused its arguments: {type(error).__name__}: {error}"
        raise LonghaulError("INVALID_TASK", words, field="trigger") from error


@contextmanager
def scope_of_trigger(job: TriggerSurroundings, masker: Foreign) -> Iterator[None]:
    scope = Scope(job["task"], job["connections"], job["variables"], AllowList.from_json(job["allowed"]))
    for value in connection_secrets(job["connections"]):
        masker.add_mask(value)
    with scoped(scope), log_of_trigger(job.get("logPath")):
        yield


def current_task() -> tuple[str, str] | None:
    scope = current_scope()
    return None if scope is None else (scope.task["runId"], scope.task["taskId"])


def with_scope_secrets(outcome: TriggerOutcome) -> TriggerOutcome:
    """Those of this task only: the process knows those of thousands."""
    scope = current_scope()
    if scope is None:
        return outcome
    given = {str(i): _fields_of(connection) for i, connection in enumerate(scope.given)}
    return {**outcome, "secrets": connection_secrets({**scope.connections, **given})}


def failed_outcome(error: BaseException | None) -> TriggerOutcome:
    """A result, not an activity's failure: Airflow fails the task for it, and does not try the trigger again."""
    if error is None:
        return with_scope_secrets({"kind": "fail", "traceback": ["The trigger ended without an event"], "secrets": []})
    lines = "".join(traceback.format_exception(error)).splitlines()[-_TRACEBACK_LINES:]
    return with_scope_secrets({"kind": "fail", "traceback": lines, "secrets": []})


def _fields_of(connection: Foreign) -> JsonObject:
    return {"password": getattr(connection, "password", None), "extra": getattr(connection, "extra", None)}
