"""`execute` and `resume` of a task by Airflow 3.3's runner (`task_runner.run` and `finalize`), in this process.

Internal names of Airflow are used here and nowhere else: `RuntimeTaskInstance`, `TIRunContext`, `SUPERVISOR_COMMS`.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid

from longhaul_airflow.runtime import results
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.killing import report_on_kill
from longhaul_airflow.runtime.major import Rendered, Segment
from longhaul_airflow.runtime.operator import Built, time_left
from longhaul_airflow.runtime.outcome import Ended, deferral, finished, invalid_context, refuse_unlisted_trigger
from longhaul_airflow.runtime.retry_delay import RetryRule, retry_delay_ms
from longhaul_airflow.runtime.scalars import OperatorWatch
from longhaul_airflow.runtime.supervisor_comms import SegmentComms
from longhaul_airflow.segment import Deferral, SegmentJob, SegmentResult, empty_result
from longhaul_airflow.task.allow_list import unsupported
from longhaul_airflow.wire import LogLink, TaskContext

_NAMESPACE = uuid.UUID("0b9f6f6c-0f0a-4e0e-9d0c-6c0f6e0a5a3f")


def run_task(segment: Segment, built: Built) -> SegmentResult:
    import structlog
    from airflow.sdk.execution_time import task_runner

    comms = _connect(segment)
    ti, context = _task_instance(segment, built)
    watch = OperatorWatch(lambda state: segment.channel.send("operatorState", state))
    if segment.job["kind"] == "execute" and getattr(built.operator, "start_from_trigger", False):
        return _start_from_trigger(segment, built, ti, context)
    built.operator.on_execute_callback = [*built.operator.on_execute_callback, lambda _: watch.begin(ti.task)]
    report_on_kill(built, lambda: ti.task, watch, segment.channel)
    log = structlog.get_logger("task")
    started_at_ms = int(time.time() * 1000)
    state, message, error = task_runner.run(ti, context, log)
    context["exception"] = error
    task_runner.finalize(ti, state, context, log, error)
    ended = Ended(
        state=str(state.value),
        error=error,
        xcoms=comms.xcoms,
        links=_links(ti.task, comms),
        operator_state=watch.end(),
        task_state=comms.task_state,
        unknown=comms.unknown,
        dag_world=comms.dag_world,
        started_at_ms=started_at_ms,
    )
    return _result(segment, built, ended, (ti, message))


def rendered(segment: Segment, built: Built) -> Rendered:
    comms = _connect(segment)
    ti, context = _task_instance(segment, built)
    ti.task = built.operator.prepare_for_execution()
    context["task"] = ti.task
    ti.render_templates(context=context, jinja_env=ti.task.dag.get_template_env())
    return Rendered(ti.task, context, comms.xcoms)


def call_execute(ready: Rendered) -> Foreign:
    from airflow.sdk.bases.operator import ExecutorSafeguard
    from airflow.sdk.execution_time.task_runner import set_current_context

    ExecutorSafeguard.tracker.set(ready.operator)
    with set_current_context(ready.context):
        return ready.operator.execute(ready.context)


def _connect(segment: Segment) -> SegmentComms:
    from airflow.sdk.execution_time import task_runner

    comms = SegmentComms(segment.job, segment.channel)
    task_runner.SUPERVISOR_COMMS = comms
    return comms


def _task_instance(segment: Segment, built: Built) -> tuple[Foreign, Foreign]:
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    task, operator = segment.job["task"], built.operator
    identity = uuid.uuid5(_NAMESPACE, "/".join((task["dagId"], task["runId"], task["taskId"])))
    ti = RuntimeTaskInstance.model_construct(
        id=identity,
        task_id=task["taskId"],
        dag_id=task["dagId"],
        run_id=task["runId"],
        try_number=task["tryNumber"],
        dag_version_id=identity,
        map_index=-1,
        hostname=None,
        context_carrier=None,
        queue="default",
        task=operator,
        bundle_instance=None,
        _ti_context_from_server=_server_context(segment.job, operator),
        max_tries=operator.retries,
        start_date=_started(task),
        state="running",
        is_mapped=False,
    )
    try:
        return ti, ti.get_template_context()
    except Exception as error:
        raise invalid_context(error) from error


def _server_context(job: SegmentJob, operator: Foreign) -> Foreign:
    """What Airflow's server would say of this task instance when it starts."""
    from airflow.sdk.api.datamodels._generated import TIRunContext

    event = {"event": job["event"]} if "event" in job else {}
    return TIRunContext.model_construct(
        dag_run=_dag_run(job["task"]),
        task_reschedule_count=1 if "firstStartedAt" in job else 0,
        max_tries=operator.retries,
        next_method=job.get("nextMethod"),
        next_kwargs={**(job.get("nextKwargs") or {}), **event},
        xcom_keys_to_clear=[],
        should_retry=job["task"]["tryNumber"] <= (operator.retries or 0),
    )


def _dag_run(task: TaskContext) -> Foreign:
    from airflow.sdk.api.datamodels._generated import DagRun

    logical = dt.datetime.fromisoformat(task["logicalDate"])
    return DagRun(
        dag_id=task["dagId"],
        run_id=task["runId"],
        logical_date=logical,
        data_interval_start=_date(task.get("dataIntervalStart")) or logical,
        data_interval_end=_date(task.get("dataIntervalEnd")) or logical,
        run_after=logical,
        start_date=_started(task),
        end_date=None,
        run_type="manual",
        state="running",
        conf=task["conf"],
        consumed_asset_events=[],
        partition_key=None,
    )


def _date(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)


def _started(task: TaskContext) -> dt.datetime:
    return dt.datetime.fromtimestamp(task["startedAt"] / 1000, dt.UTC)


def _start_from_trigger(segment: Segment, built: Built, ti: Foreign, context: Foreign) -> SegmentResult:
    """No `execute` at all: the scheduler of Airflow would hand these arguments to the triggerer."""
    from airflow.sdk.serde import serialize

    arguments = built.operator.start_trigger_args
    ti.task = built.operator.prepare_for_execution()
    ti.render_templates(context=context, jinja_env=ti.task.dag.get_template_env())
    fields = set(ti.task.template_fields)
    kwargs = {
        name: getattr(ti.task, name) if name in fields and hasattr(ti.task, name) else value
        for name, value in (arguments.trigger_kwargs or {}).items()
    }
    waits: Deferral = {
        "classpath": arguments.trigger_cls,
        "kwargs": serialize(kwargs),
        "nextMethod": arguments.next_method,
        "nextKwargs": serialize(arguments.next_kwargs or {}),
    }
    refuse_unlisted_trigger(segment, waits)
    deferred = deferral(waits, arguments.timeout, time_left(built))
    return {**empty_result("deferred"), "deferral": deferred, "taskState": segment.job["taskState"]}


def _result(segment: Segment, built: Built, ended: Ended, run: tuple[Foreign, Foreign]) -> SegmentResult:
    ti, message = run
    result = finished(segment, ended)
    if ended.state == "deferred":
        waits: Deferral = {
            "classpath": message.classpath,
            "kwargs": message.trigger_kwargs,
            "nextMethod": message.next_method,
            "nextKwargs": message.next_kwargs or {},
        }
        refuse_unlisted_trigger(segment, waits, ti.task)
        result["deferral"] = deferral(waits, message.trigger_timeout, time_left(built))
    elif ended.state == "up_for_reschedule":
        result["rescheduleAt"] = int(message.reschedule_date.timestamp() * 1000)
        result["firstStartedAt"] = segment.job.get("firstStartedAt", ended.started_at_ms)
    elif ended.state == "up_for_retry":
        result["retryDelayMs"] = _retry_delay_ms(built.operator, segment.job["task"], message)
    elif ended.state == "awaiting_input":
        raise unsupported(
            f"operator {type(built.operator).__name__}", "a person who answers in Airflow's user interface"
        )
    return result


def _retry_delay_ms(operator: Foreign, task: TaskContext, message: Foreign) -> int:
    """A `retry_policy` of the task has the first word."""
    chosen = getattr(message, "retry_delay_seconds", None)
    if chosen is not None:
        return int(chosen * 1000)
    backoff = operator.retry_exponential_backoff
    multiplier = 2.0 if backoff is True else float(backoff or 0)
    rule = RetryRule(operator.retry_delay, multiplier, operator.max_retry_delay)
    logical = dt.datetime.fromisoformat(task["logicalDate"])
    return retry_delay_ms(rule, f"{task['dagId']}#{task['taskId']}#{logical}", task["tryNumber"])


def _links(operator: Foreign, comms: SegmentComms) -> list[LogLink]:
    """`finalize` pushed them as XComs under the name of the link's class."""
    found: list[LogLink] = []
    for link in operator.operator_extra_links:
        found += results.web_link(str(link.name), comms.links.get(link.xcom_key))
    return found
