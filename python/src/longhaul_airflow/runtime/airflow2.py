"""Airflow 2.11: a real task instance without a session; XComs and the few look-ups of the runner are ours."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager

from longhaul_airflow.runtime import airflow2_task, database, trigger_logs, warm_up
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.load import Channel
from longhaul_airflow.runtime.major import Major
from longhaul_airflow.runtime.operator import AirflowClasses
from longhaul_airflow.runtime.output import JsonLines, redirect_standard_streams
from longhaul_airflow.runtime.secrets_backend import TaskSecrets, connection_fields
from longhaul_airflow.runtime.segment_run import run_segment
from longhaul_airflow.runtime.triggers import failed_outcome, load_trigger, scope_of_trigger, with_scope_secrets
from longhaul_airflow.segment import SegmentJob, SegmentResult, TriggerOutcome, TriggerSurroundings
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.wire import JsonObject, TriggerSpec


class Airflow2:
    """`load.Runtime`; nothing of Airflow is imported before one of its methods is called."""

    major = 2

    def preload(self, modules: Sequence[str]) -> None:
        _prepare()
        warm_up.preload(self.run, modules)

    def configure_logging(self, log_fd: int) -> None:
        """Airflow's own handlers write into its log folders: one handler of ours takes their place everywhere."""
        handler = logging.StreamHandler(os.fdopen(os.dup(log_fd), "w", buffering=1))
        handler.setFormatter(JsonLines(_masker().redact))
        for name in ("", "airflow.task", "airflow.processor"):
            logger = logging.getLogger(name)
            logger.handlers[:] = [handler] if name == "" else []
            logger.propagate = True
        logging.getLogger("airflow.task").setLevel(logging.INFO)
        redirect_standard_streams()

    def run(self, job: SegmentJob, channel: Channel) -> SegmentResult:
        _prepare()
        return run_segment(job, channel, MAJOR)

    def prepare_worker(self) -> None:
        _prepare()
        trigger_logs.take_logging(_masker().redact)

    def make_trigger(self, trigger: TriggerSpec, allowed: AllowList) -> Foreign:
        return _make_trigger(trigger, allowed)

    def trigger_scope(self, job: TriggerSurroundings) -> AbstractContextManager[None]:
        return scope_of_trigger(job, _masker())

    def trigger_outcome(self, event: Foreign) -> TriggerOutcome:
        state = getattr(event, "task_instance_state", None)
        if state is not None:
            xcoms = {key: airflow2_task.xcom_json(value) for key, value in (event.xcoms or {}).items()}
            return with_scope_secrets(
                {"kind": "end", "state": str(getattr(state, "value", state)), "xcoms": xcoms, "secrets": []}
            )
        return with_scope_secrets({"kind": "event", "event": airflow2_task.to_wire(event.payload), "secrets": []})

    def trigger_failed(self, error: BaseException | None) -> TriggerOutcome:
        return failed_outcome(error)


def _prepare() -> None:
    """Idempotent. What the runner and the context look up eagerly is answered; any other session is refused."""
    import airflow.configuration
    import airflow.models.taskinstance
    import airflow.settings
    from airflow.models.dagrun import DagRun

    backends = airflow.configuration.secrets_backend_list
    if len(backends) == 1 and isinstance(backends[0], TaskSecrets):
        return
    database.forbid(airflow.settings)
    backends[:] = [TaskSecrets(_connection, _worker_backends())]
    # `_execute_task` opens one for XComs, which are pushed elsewhere here.
    airflow.models.taskinstance.create_session = lambda *_, **__: contextlib.nullcontext(None)
    DagRun.get_previous_dagrun = DagRun.get_previous_scheduled_dagrun = staticmethod(lambda *_, **__: None)


def _worker_backends() -> list[Foreign]:
    """The operator's own (`[secrets] backend`), then the environment; never the metadata database."""
    from airflow.configuration import get_custom_secret_backend
    from airflow.secrets.environment_variables import EnvironmentVariablesBackend

    custom = get_custom_secret_backend()
    return [backend for backend in (custom, EnvironmentVariablesBackend()) if backend is not None]


def _connection(connection_id: str, fields: JsonObject) -> Foreign:
    from airflow.models.connection import Connection

    if fields.get("uri"):
        return Connection(conn_id=connection_id, uri=fields["uri"])
    return Connection(conn_id=connection_id, **connection_fields(fields))


def _classes() -> AirflowClasses:
    from airflow.models.baseoperator import BaseOperator
    from airflow.models.dag import DAG
    from airflow.sensors.base import BaseSensorOperator

    return AirflowClasses(dag=DAG, operator=BaseOperator, sensor=BaseSensorOperator)


def _base_hook() -> Foreign:
    from airflow.hooks.base import BaseHook

    return BaseHook


def _masker() -> Foreign:
    from airflow.utils.log.secrets_masker import _secrets_masker

    return _secrets_masker()


def _make_trigger(trigger: TriggerSpec, allowed: AllowList) -> Foreign:
    from airflow.triggers.base import BaseTrigger

    return load_trigger(trigger, allowed, BaseTrigger, airflow2_task.from_wire(trigger["kwargs"]))


def _kill_trigger(_trigger: Foreign) -> bool:
    """Triggers have no `on_kill` before 3.3."""
    return False


MAJOR = Major(
    classes=_classes,
    base_hook=_base_hook,
    masker=_masker,
    run_task=airflow2_task.run_task,
    rendered=airflow2_task.rendered,
    call_execute=airflow2_task.call_execute,
    make_trigger=_make_trigger,
    kill_trigger=_kill_trigger,
)
RUNTIME = Airflow2()
