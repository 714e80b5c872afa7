"""`execute` and `resume` of a task by Airflow 2.11's `TaskInstance._execute_task_with_callbacks(test_mode=True)`.

What `_run_raw_task` makes of its exceptions (which needs the database) is repeated here, in its order.
"""

from __future__ import annotations

import datetime as dt
import logging
import time

from longhaul_airflow.runtime import results
from longhaul_airflow.runtime.airflow2_xcom import XComs
from longhaul_airflow.runtime.airflow2_xcom import to_json as xcom_json
from longhaul_airflow.runtime.database import no_session
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.killing import report_on_kill
from longhaul_airflow.runtime.major import Rendered, Segment
from longhaul_airflow.runtime.operator import Built, time_left
from longhaul_airflow.runtime.outcome import Ended, deferral, finished, invalid_context, refuse_unlisted_trigger
from longhaul_airflow.runtime.scalars import OperatorWatch
from longhaul_airflow.segment import Deferral, SegmentJob, SegmentResult, empty_result
from longhaul_airflow.wire import Json, LogLink, TaskContext

_log = logging.getLogger("airflow.task")


def run_task(segment: Segment, built: Built) -> SegmentResult:
    job = segment.job
    if job["kind"] == "execute" and getattr(built.operator, "start_from_trigger", False):
        return _start_from_trigger(segment, built)
    ti, context, xcoms = _task_instance(segment, built)
    watch = OperatorWatch(lambda state: segment.channel.send("operatorState", state))
    ti.task.on_execute_callback = [*_listed(ti.task.on_execute_callback), lambda _: watch.begin(ti.task)]
    report_on_kill(Built(ti.task, built.repeatable, built.ends_at), lambda: ti.task, watch, segment.channel)
    started_at_ms = int(time.time() * 1000)
    error = _execute(ti, context)
    state = _state_of(error, ti)
    failure = error if state in ("failed", "up_for_retry") else None
    _call_back(ti, context, state, failure)
    ended = Ended(
        state=state,
        error=failure,
        xcoms=xcoms.pushed,
        links=_links(ti),
        operator_state=watch.end(),
        task_state=job["taskState"],
        unknown=[],
        dag_world=[],
        started_at_ms=started_at_ms,
    )
    return _result(segment, built, ended, (ti, error))


def rendered(segment: Segment, built: Built) -> Rendered:
    ti, context, xcoms = _task_instance(segment, built)
    ti.render_templates(context=context, jinja_env=ti.task.get_dag().get_template_env())
    return Rendered(ti.task, context, xcoms.pushed)


def call_execute(ready: Rendered) -> Foreign:
    from airflow.models.baseoperator import ExecutorSafeguard
    from airflow.models.taskinstance import set_current_context

    # Kept per thread and made for the main one only.
    ExecutorSafeguard._sentinel.callers = {}
    with set_current_context(ready.context):
        return ready.operator.execute(ready.context)


def to_wire(value: Foreign) -> Json:
    from airflow.serialization.serialized_objects import BaseSerialization

    return BaseSerialization.serialize(value)


def from_wire(value: Json) -> Foreign:
    from airflow.serialization.serialized_objects import BaseSerialization

    return BaseSerialization.deserialize(value)


def _task_instance(segment: Segment, built: Built) -> tuple[Foreign, Foreign, XComs]:
    import airflow.sensors.base
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy.orm.attributes import set_committed_value

    job, task, operator = segment.job, segment.job["task"], built.operator
    first = job.get("firstStartedAt")
    airflow.sensors.base._orig_start_date = lambda **_: None if first is None else _from_ms(first)
    ti = TaskInstance(operator, run_id=task["runId"], state="running", map_index=-1)
    set_committed_value(ti, "dag_run", _dag_run(task))
    ti.max_tries, ti.try_number, ti.test_mode = operator.retries, task["tryNumber"], True
    # Airflow takes what has passed since then off the `execution_timeout` of a resumed task; ours is what is left.
    ti.start_date = dt.datetime.now(dt.UTC)
    _resume_with(ti, job)
    xcoms = XComs(job, segment.channel)
    xcoms.install(ti)
    ti.task = operator.prepare_for_execution()
    try:
        return ti, ti.get_template_context(ignore_param_exceptions=False, session=no_session()), xcoms
    except Exception as error:
        raise invalid_context(error) from error


def _resume_with(ti: Foreign, job: SegmentJob) -> None:
    """`__fail__` comes in plain words from the workflow, everything else in Airflow's serialization."""
    if "nextMethod" not in job:
        return
    kwargs = job.get("nextKwargs") or {}
    ti.next_method = job["nextMethod"]
    ti.next_kwargs = dict(from_wire(kwargs) if "__type" in kwargs else kwargs)
    if "event" in job:
        ti.next_kwargs["event"] = from_wire(job["event"])


def _dag_run(task: TaskContext) -> Foreign:
    import pendulum
    from airflow.models.dagrun import DagRun

    logical = pendulum.parse(task["logicalDate"])
    interval = tuple(
        logical if text is None else pendulum.parse(text)
        for text in (task.get("dataIntervalStart"), task.get("dataIntervalEnd"))
    )
    return DagRun(
        dag_id=task["dagId"],
        run_id=task["runId"],
        execution_date=logical,
        start_date=_from_ms(task["startedAt"]),
        run_type="manual",
        conf=task["conf"],
        state="running",
        data_interval=interval,
        external_trigger=True,
    )


def _from_ms(value: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(value / 1000, dt.UTC)


def _execute(ti: Foreign, context: Foreign) -> BaseException | None:
    from airflow.models.taskinstance import TaskInstance

    try:
        TaskInstance._execute_task_with_callbacks(ti, context=context, test_mode=True, session=no_session())
    except BaseException as error:
        return error
    return None


def _state_of(error: BaseException | None, ti: Foreign) -> str:
    from airflow import exceptions as known

    if error is None:
        return "success"
    if isinstance(error, known.TaskDeferred):
        return "deferred"
    if isinstance(error, known.AirflowSkipException):
        _log.info("Skipping task. %s", error)
        return "skipped"
    if isinstance(error, known.AirflowRescheduleException):
        return "up_for_reschedule"
    _log.error("Task failed with exception", exc_info=error)
    if isinstance(error, known.AirflowFailException | known.AirflowSensorTimeout):
        return "failed"
    return "up_for_retry" if ti.task.retries and ti.try_number <= ti.max_tries else "failed"


def _call_back(ti: Foreign, context: Foreign, state: str, failure: BaseException | None) -> None:
    from airflow.models.taskinstance import _run_finished_callback

    if failure is not None:
        context["exception"] = failure
    callbacks = {
        "success": ti.task.on_success_callback,
        "failed": ti.task.on_failure_callback,
        "up_for_retry": ti.task.on_retry_callback,
        "skipped": ti.task.on_skipped_callback,
    }
    _run_finished_callback(callbacks=callbacks.get(state), context=context)


def _result(segment: Segment, built: Built, ended: Ended, run: tuple[Foreign, Foreign]) -> SegmentResult:
    ti, error = run
    result = finished(segment, ended)
    if result["state"] == "deferred":
        classpath, kwargs = error.trigger.serialize()
        waits = _deferral(classpath, kwargs, error.method_name, error.kwargs)
        refuse_unlisted_trigger(segment, waits, ti.task)
        result["deferral"] = deferral(waits, error.timeout, time_left(built))
    elif result["state"] == "up_for_reschedule":
        result["rescheduleAt"] = int(error.reschedule_date.timestamp() * 1000)
        result["firstStartedAt"] = segment.job.get("firstStartedAt", ended.started_at_ms)
    elif result["state"] == "up_for_retry":
        ti.end_date = dt.datetime.now(dt.UTC)
        result["retryDelayMs"] = int((ti.next_retry_datetime() - ti.end_date).total_seconds() * 1000)
    return result


def _start_from_trigger(segment: Segment, built: Built) -> SegmentResult:
    arguments = built.operator.start_trigger_args
    waits = _deferral(arguments.trigger_cls, arguments.trigger_kwargs, arguments.next_method, arguments.next_kwargs)
    refuse_unlisted_trigger(segment, waits)
    deferred = deferral(waits, arguments.timeout, time_left(built))
    return {**empty_result("deferred"), "deferral": deferred, "taskState": segment.job["taskState"]}


def _deferral(classpath: str, kwargs: Foreign, next_method: str, next_kwargs: Foreign) -> Deferral:
    return {
        "classpath": classpath,
        "kwargs": to_wire(kwargs or {}),
        "nextMethod": next_method,
        "nextKwargs": to_wire(next_kwargs or {}),
    }


def _links(ti: Foreign) -> list[LogLink]:
    """Airflow 2 computes them in its web server, from the XComs."""
    found: list[LogLink] = []
    for link in ti.task.operator_extra_links or ():
        try:
            found += results.web_link(str(link.name), link.get_link(ti.task, ti_key=ti.key))
        except Exception:
            _log.warning("The link %s could not be made", link.name, exc_info=True)
    return found


def _listed(callbacks: Foreign) -> list[Foreign]:
    if callbacks is None:
        return []
    return list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]


__all__ = ["call_execute", "from_wire", "rendered", "run_task", "to_wire", "xcom_json"]
