"""What differs between the majors of Airflow inside a child, as one small set of functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.load import Channel
from longhaul_airflow.runtime.operator import AirflowClasses, Built
from longhaul_airflow.runtime.secrets_backend import Scope
from longhaul_airflow.segment import SegmentJob, SegmentResult
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.wire import JsonObject, TriggerSpec


@dataclass(frozen=True)
class Segment:
    """One run of a child: what it was asked, and where it reports."""

    job: SegmentJob
    channel: Channel
    scope: Scope


@dataclass(frozen=True)
class Rendered:
    """A live operator with rendered templates, its context, and what its code pushed so far."""

    operator: Foreign
    context: Foreign
    xcoms: JsonObject


@dataclass(frozen=True)
class Major:
    """Functions that import Airflow when they are called."""

    classes: Callable[[], AirflowClasses]
    base_hook: Callable[[], Foreign]
    masker: Callable[[], Foreign]
    # `execute` and `resume` by Airflow's own runner.
    run_task: Callable[[Segment, Built], SegmentResult]
    # For a `kill`: as far as the runner goes before `execute`.
    rendered: Callable[[Segment, Built], Rendered]
    # The operator's `execute`, as the runner would call it.
    call_execute: Callable[[Rendered], Foreign]
    make_trigger: Callable[[TriggerSpec, AllowList], Foreign]
    # Runs the trigger's own `on_kill`; False where its class has none.
    kill_trigger: Callable[[Foreign], bool]
