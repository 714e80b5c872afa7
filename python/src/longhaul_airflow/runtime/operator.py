"""From an operator's spec to the live operator, ready for Airflow's runner. What is refused here has run nothing."""

from __future__ import annotations

import datetime as dt
import importlib
import time
from dataclasses import dataclass

from longhaul_airflow.errors import LonghaulError, invalid_task
from longhaul_airflow.runtime import remote_jobs
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.segment import Repeatable, SegmentJob
from longhaul_airflow.task.allow_list import AllowList, unsupported
from longhaul_airflow.task.values import revive
from longhaul_airflow.wire import JsonObject, OperatorSpec

# Airflow's own old names for classes that live in providers now.
_SHIMS = ("airflow.operators.", "airflow.sensors.", "airflow.sdk.")
NO_TIME_LEFT = dt.timedelta(microseconds=-1)
_KEEPS_POKE_MODE = "_longhaul_keep_poke_mode"
_SHORTEST_RESCHEDULE_SECONDS = 1


@dataclass(frozen=True)
class AirflowClasses:
    """The same things under the names of one major."""

    dag: Foreign
    operator: Foreign
    sensor: Foreign


@dataclass(frozen=True)
class Built:
    operator: Foreign
    repeatable: Repeatable
    # Epoch seconds, when `execution_timeout` of the whole try is over.
    ends_at: float | None


def build(job: SegmentJob, airflow: AirflowClasses, allowed: AllowList) -> Built:
    """@raises LonghaulError with the operator's own words, when it cannot be made."""
    spec = job.get("operator")
    if spec is None:
        raise invalid_task("operator", "is missing")
    cls = operator_class(spec, airflow, allowed)
    operator = _construct(cls, _parameters(job, spec, allowed), airflow, job)
    own_reschedule = getattr(operator, "mode", None) == "reschedule"
    _poke_between_segments(operator, airflow)
    ends_at = None if own_reschedule else _ends_at(operator, job)
    token = remote_jobs.give_token(operator, job["token"])
    return Built(operator, _repeatable(operator, token, job, airflow), ends_at)


def operator_class(spec: OperatorSpec, airflow: AirflowClasses, allowed: AllowList) -> Foreign:
    module, name = spec["module"], spec["name"]
    allowed.check_operator(module, name)
    cls = import_named(module, name, "operator")
    path = f"{module}.{name}"
    if not (isinstance(cls, type) and issubclass(cls, airflow.operator)):
        raise invalid_task("operator", f"{path} is not an Airflow operator")
    if cls.__module__ != module and not module.startswith(_SHIMS):
        allowed.check_operator(cls.__module__, cls.__name__)
    allowed.check_bases(path, [base.__name__ for base in cls.__mro__])
    return cls


def import_named(module: str, name: str, field: str) -> Foreign:
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise LonghaulError(
            "INVALID_TASK",
            f"{field}: {module} cannot be imported: {error}",
            field=field,
            advice="Check the name, or install its provider in the worker's environment.",
        ) from error
    except AttributeError:
        raise invalid_task(field, f"{module} has no {name}") from None


def load_callable(path: str) -> Foreign:
    """`package.module:function`, already on the allow-list."""
    module, _, name = path.partition(":")
    function = import_named(module, name, "$callable")
    if not callable(function):
        raise invalid_task("$callable", f"{path} is not a function")
    return function


def limit_execution(built: Built) -> None:
    """`execution_timeout` covers the whole try, as its user means it, so a segment gets what is left of it.

    Airflow 3 gives it anew to every segment (its source: "TODO: handle timeout in case of deferral") and 2 counts the
    deferral in; here the try also has durable waits between pokes. A sensor that its user put in reschedule mode keeps
    Airflow's meaning, each poke alone: such sensors run for days with an `execution_timeout` of minutes.
    """
    left = time_left(built)
    if left is not None:
        object.__setattr__(built.operator, "execution_timeout", left)


def time_left(built: Built) -> dt.timedelta | None:
    """Never zero: Airflow takes a time-out of nothing for none at all."""
    if built.ends_at is None:
        return None
    return max(dt.timedelta(seconds=built.ends_at - time.time()), NO_TIME_LEFT) or NO_TIME_LEFT


def _ends_at(operator: Foreign, job: SegmentJob) -> float | None:
    limit = operator.execution_timeout
    return None if limit is None else job["task"]["startedAt"] / 1000 + float(limit.total_seconds())


def _parameters(job: SegmentJob, spec: OperatorSpec, allowed: AllowList) -> JsonObject:
    task = job["task"]
    parameters: JsonObject = revive(spec["parameters"], allowed, load_callable)
    return {"retries": task["retries"], **parameters, "task_id": task["taskId"]}


def _construct(cls: Foreign, parameters: JsonObject, airflow: AirflowClasses, job: SegmentJob) -> Foreign:
    """An operator that knows no `deferrable` is made without it, as Flyte does."""
    try:
        return _instance(cls, parameters, airflow, job)
    except LonghaulError:
        raise
    except Exception as error:
        if "deferrable" in parameters and "deferrable" in str(error):
            rest = {name: value for name, value in parameters.items() if name != "deferrable"}
            return _construct(cls, rest, airflow, job)
        raise LonghaulError(
            "INVALID_TASK",
            f"operator: {cls.__name__} refused its parameters: {type(error).__name__}: {error}",
            field="operator",
        ) from error


def _instance(cls: Foreign, parameters: JsonObject, airflow: AirflowClasses, job: SegmentJob) -> Foreign:
    task = job["task"]
    dag = airflow.dag(
        task["dagId"], schedule=None, params=task["params"], start_date=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    )
    operator = cls(dag=dag, **parameters)
    if not isinstance(operator, airflow.operator) or getattr(operator, "is_mapped", False) is True:
        raise unsupported(f"operator {cls.__name__}", "a DAG that expands one task into many")
    return operator


def _poke_between_segments(operator: Foreign, airflow: AirflowClasses) -> None:
    """A sensor that waits in its process would hold a child for hours: run one poke per segment instead.

    Not one that keeps state on itself between pokes (`_longhaul_keep_poke_mode`), nor one that Airflow marks
    `@poke_mode_only`, nor one that pokes more often than a process is worth.
    """
    if not isinstance(operator, airflow.sensor) or operator.mode != "poke":
        return
    if operator.poke_interval < _SHORTEST_RESCHEDULE_SECONDS or getattr(operator, _KEEPS_POKE_MODE, False):
        return
    try:
        operator.mode = "reschedule"
    except ValueError:
        return


def _repeatable(operator: Foreign, token: bool, job: SegmentJob, airflow: AirflowClasses) -> Repeatable:
    if remote_jobs.resumes_from(operator, job["taskState"]):
        return "state"
    if token:
        return "token"
    if isinstance(operator, airflow.sensor) or type(operator).__name__ == "EmptyOperator":
        return "readOnly"
    return None
