"""Vendor knowledge: which operators start a job elsewhere, how the same job is found again, how its end is confirmed.

Read from the providers' source (databricks 7.23). What is not known here is treated as having no remote job.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.segment import SegmentJob
from longhaul_airflow.wire import JsonObject

_log = logging.getLogger("airflow.task.longhaul")

TOKEN = "idempotency_token"  # noqa: S105 - the name of the field, no value
# By class name, so that subclasses count and nothing is imported: the attribute that holds the run's id.
_DATABRICKS_RUNS = {
    "DatabricksSubmitRunOperator": "run_id",
    "DatabricksRunNowOperator": "run_id",
    "DatabricksTaskBaseOperator": "databricks_run_id",
}


@dataclass(frozen=True)
class RemoteState:
    """`terminal` None: nobody knows yet."""

    terminal: bool | None
    words: str


def give_token(operator: Foreign, token: str) -> bool:
    """Puts our token into the operator's first request, if it takes one; its own wins. True: it sends one.

    A repeated submit with the same token gives back the same run.
    """
    if not token:
        return False
    if hasattr(operator, TOKEN):
        if not getattr(operator, TOKEN) and not _body_names_token(operator):
            object.__setattr__(operator, TOKEN, token)
        return True
    if _base_name(operator) == "DatabricksTaskBaseOperator":
        _give_token_to_run_json(operator, token)
        return True
    return False


def run_id_attribute(operator: Foreign) -> str | None:
    name = _base_name(operator)
    return _DATABRICKS_RUNS[name] if name is not None else None


def run_id(operator: Foreign) -> Foreign:
    attribute = run_id_attribute(operator)
    return getattr(operator, attribute, None) if attribute is not None else None


def restore_run_id(operator: Foreign, job: SegmentJob) -> None:
    """Of a fresh operator whose saved state lacks it: Airflow's task state store and the XComs may know the run."""
    attribute = run_id_attribute(operator)
    if attribute is None or getattr(operator, attribute, None):
        return
    stored = job["taskState"].get(getattr(operator, "external_id_key", ""), job["xcoms"].get("run_id"))
    if stored is not None:
        object.__setattr__(operator, attribute, stored)


def look(operator: Foreign) -> RemoteState:
    """One question to the provider. Operators without a known remote job are what their `on_kill` made of them."""
    if run_id_attribute(operator) is None:
        return RemoteState(True, "")
    run = run_id(operator)
    if not run:
        return RemoteState(None, "its run is not known yet")
    try:
        state = operator._hook.get_run(run)["state"]
    except Exception as error:
        if _is_gone(error):
            return RemoteState(True, f"run {run} is gone")
        _log.warning("Could not ask for the state of run %s: %s", run, error)
        return RemoteState(None, f"the state of run {run} could not be read: {type(error).__name__}")
    return _run_state(run, state)


def end_early(operator: Foreign) -> None:
    """For a fence: the submit is wanted, the waiting for its end is not."""
    if hasattr(operator, "wait_for_termination"):
        object.__setattr__(operator, "wait_for_termination", False)


def submit_was_refused(error: BaseException | None) -> bool:
    """The provider read the request and said no: nothing was started, so nothing is left to stop."""
    while error is not None:
        status = getattr(error, "http_status_code", None) or getattr(
            getattr(error, "response", None), "status_code", None
        )
        if isinstance(status, int) and 400 <= status < 500 and status not in (401, 403, 408, 429):  # noqa: PLR2004
            return True
        error = error.__cause__ or error.__context__
    return False


def resumes_from(operator: Foreign, task_state: JsonObject) -> bool:
    """Airflow's `ResumableJobMixin` (3.3): the task state store names the job, the operator attaches to it."""
    key = getattr(operator, "external_id_key", None)
    return bool(getattr(operator, "durable", False) and key and task_state.get(key))


def _run_state(run: Foreign, state: JsonObject) -> RemoteState:
    life_cycle = str(state.get("life_cycle_state", ""))
    ended = life_cycle in ("TERMINATED", "SKIPPED", "INTERNAL_ERROR")
    result = state.get("result_state") or life_cycle
    return RemoteState(ended, f"run {run} is {result if ended else life_cycle}")


def _is_gone(error: BaseException) -> bool:
    return "does not exist" in str(error) or getattr(error, "http_status_code", None) == 404  # noqa: PLR2004


def _base_name(operator: Foreign) -> str | None:
    names = [base.__name__ for base in type(operator).__mro__]
    return next((name for name in names if name in _DATABRICKS_RUNS), None)


def _body_names_token(operator: Foreign) -> bool:
    """A body may be a dict, or JSON text that may still hold templates."""
    body = getattr(operator, "json", None)
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return f'"{TOKEN}"' in body
    return isinstance(body, dict) and bool(body.get(TOKEN))


def _give_token_to_run_json(operator: Foreign, token: str) -> None:
    """These operators make their body themselves, from fields rendered later. One task per process, so the class may
    be changed."""
    cls = type(operator)
    make = cls._get_run_json

    def with_token(self: Foreign) -> Foreign:
        return {TOKEN: token, **make(self)}

    cls._get_run_json = with_token
