"""Airflow 3.3: its own task runner, with our answers in the place of its supervisor."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager

from longhaul_airflow.runtime import airflow3_task, database, trigger_logs, warm_up
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.load import Channel
from longhaul_airflow.runtime.major import Major
from longhaul_airflow.runtime.operator import AirflowClasses
from longhaul_airflow.runtime.output import redirect_standard_streams
from longhaul_airflow.runtime.secrets_backend import TaskSecrets, connection_fields
from longhaul_airflow.runtime.segment_run import run_segment
from longhaul_airflow.runtime.supervisor_comms import TriggerComms
from longhaul_airflow.runtime.triggers import (
    current_task,
    failed_outcome,
    load_trigger,
    scope_of_trigger,
    with_scope_secrets,
)
from longhaul_airflow.segment import SegmentJob, SegmentResult, TriggerOutcome, TriggerSurroundings
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.wire import JsonObject, TriggerSpec


class Airflow3:
    """`load.Runtime`; nothing of Airflow is imported before one of its methods is called."""

    major = 3

    def preload(self, modules: Sequence[str]) -> None:
        _prepare()
        warm_up.preload(self.run, modules)

    def configure_logging(self, log_fd: int) -> None:
        from airflow.sdk.log import configure_logging

        configure_logging(json_output=True, output=os.fdopen(os.dup(log_fd), "wb", buffering=0))
        redirect_standard_streams()

    def run(self, job: SegmentJob, channel: Channel) -> SegmentResult:
        _prepare()
        return run_segment(job, channel, MAJOR)

    def prepare_worker(self) -> None:
        """Some triggers ask the supervisor; the connections of a trigger come from its scope."""
        _prepare()
        from airflow.sdk.execution_time import task_runner

        task_runner.SUPERVISOR_COMMS = TriggerComms(current_task)
        trigger_logs.take_logging(_masker().redact)
        trigger_logs.take_structlog(_masker().redact)

    def make_trigger(self, trigger: TriggerSpec, allowed: AllowList) -> Foreign:
        return _make_trigger(trigger, allowed)

    def trigger_scope(self, job: TriggerSurroundings) -> AbstractContextManager[None]:
        return scope_of_trigger(job, _masker())

    def trigger_outcome(self, event: Foreign) -> TriggerOutcome:
        from airflow.triggers.base import BaseTaskEndEvent

        if isinstance(event, BaseTaskEndEvent):
            xcoms = {key: _as_json(value) for key, value in (event.xcoms or {}).items()}
            state = str(getattr(event.task_instance_state, "value", event.task_instance_state))
            return with_scope_secrets({"kind": "end", "state": state, "xcoms": xcoms, "secrets": []})
        return with_scope_secrets({"kind": "event", "event": _as_json(event.payload), "secrets": []})

    def trigger_failed(self, error: BaseException | None) -> TriggerOutcome:
        return failed_outcome(error)


def _prepare() -> None:
    """Idempotent. Airflow asks one list of secrets backends: ours is alone on it, and asks the others itself."""
    import airflow.settings
    from airflow.sdk.execution_time import supervisor

    if getattr(supervisor.ensure_secrets_backend_loaded, "is_longhaul", False):
        return
    database.forbid(airflow.settings)
    _keep_no_rendered_fields()
    backends = [TaskSecrets(_connection, _worker_backends())]

    def ours() -> list[TaskSecrets]:
        return backends

    ours.is_longhaul = True  # type: ignore[attr-defined]
    supervisor.ensure_secrets_backend_loaded = ours


def _keep_no_rendered_fields() -> None:
    """Airflow's own UI shows them; here nobody reads them, and their making is a fifth of a short segment."""
    from airflow.sdk.execution_time import task_runner

    task_runner._serialize_rendered_fields = lambda _task: {}


def _worker_backends() -> list[Foreign]:
    """The operator's own (`[workers] secrets_backend`, else `[secrets] backend`), then the environment."""
    from airflow.sdk.configuration import initialize_secrets_backends

    return list(initialize_secrets_backends(["airflow.secrets.environment_variables.EnvironmentVariablesBackend"]))


def _connection(connection_id: str, fields: JsonObject) -> Foreign:
    from airflow.sdk.definitions.connection import Connection

    if fields.get("uri"):
        return Connection.from_uri(fields["uri"], conn_id=connection_id)
    return Connection(conn_id=connection_id, **connection_fields(fields))


def _classes() -> AirflowClasses:
    from airflow.sdk import DAG, BaseOperator
    from airflow.sdk.bases.sensor import BaseSensorOperator

    return AirflowClasses(dag=DAG, operator=BaseOperator, sensor=BaseSensorOperator)


def _base_hook() -> Foreign:
    from airflow.sdk.bases.hook import BaseHook

    return BaseHook


def _masker() -> Foreign:
    from airflow.sdk._shared.secrets_masker import _secrets_masker

    return _secrets_masker()


def _as_json(value: Foreign) -> Foreign:
    from airflow.sdk.serde import serialize

    return serialize(value)


def _make_trigger(trigger: TriggerSpec, allowed: AllowList) -> Foreign:
    from airflow.sdk.serde import deserialize
    from airflow.serialization.decoders import smart_decode_trigger_kwargs
    from airflow.triggers.base import BaseTrigger

    kwargs = trigger["kwargs"]
    if {"__var", "__type"} <= set(kwargs):
        return load_trigger(trigger, allowed, BaseTrigger, smart_decode_trigger_kwargs(kwargs))
    return load_trigger(trigger, allowed, BaseTrigger, {key: deserialize(value) for key, value in kwargs.items()})


def _kill_trigger(trigger: Foreign) -> bool:
    from airflow.triggers.base import BaseTrigger

    if type(trigger).on_kill is BaseTrigger.on_kill:
        return False
    asyncio.run(asyncio.wait_for(trigger.on_kill(), timeout=60))
    return True


MAJOR = Major(
    classes=_classes,
    base_hook=_base_hook,
    masker=_masker,
    run_task=airflow3_task.run_task,
    rendered=airflow3_task.rendered,
    call_execute=airflow3_task.call_execute,
    make_trigger=_make_trigger,
    kill_trigger=_kill_trigger,
)
RUNTIME = Airflow3()
