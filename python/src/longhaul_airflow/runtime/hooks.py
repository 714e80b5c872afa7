"""One method of an Airflow hook, called once. Its answer is the XCom `return_value`."""

from __future__ import annotations

import inspect
import json

from longhaul_airflow.errors import LonghaulError, invalid_task
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.operator import import_named, load_callable
from longhaul_airflow.segment import SegmentJob
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.task.values import revive
from longhaul_airflow.wire import HookSpec, Json, JsonObject


def bound_method(job: SegmentJob, base_hook: Foreign, allowed: AllowList) -> tuple[Foreign, JsonObject]:
    """The method and its arguments; the hook is made, nothing is called.

    @raises LonghaulError
    """
    spec = job.get("hook")
    if spec is None:
        raise invalid_task("hook", "is missing")
    allowed.check_hook(spec["module"], spec["name"], spec["method"])
    cls = import_named(spec["module"], spec["name"], "hook")
    path = f"{spec['module']}.{spec['name']}"
    if not (isinstance(cls, type) and issubclass(cls, base_hook)):
        raise invalid_task("hook", f"{path} is not an Airflow hook")
    if not callable(getattr(cls, spec["method"], None)):
        raise invalid_task("hook.method", f"{path} has no method {spec['method']}")
    hook = _construct(cls, spec, allowed)
    return getattr(hook, spec["method"]), revive(spec["args"], allowed, load_callable, "hook.args")


async def _awaited(answer: Foreign) -> Foreign:
    return await answer


def call(method: Foreign, args: JsonObject) -> Foreign:
    import asyncio

    answer = method(**args)
    return asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer


def as_json(answer: Foreign, name: str) -> Json:
    """@raises LonghaulError INVALID_TASK: what is no JSON would lose its meaning on the way."""
    try:
        return json.loads(json.dumps(answer, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise LonghaulError(
            "INVALID_TASK",
            f"hook.method: {name} gave no JSON but {type(answer).__name__} ({error})",
            field="hook.method",
            advice="Call a method that answers with text, numbers, lists or objects.",
        ) from None


def _construct(cls: Foreign, spec: HookSpec, allowed: AllowList) -> Foreign:
    parameters = revive(spec["parameters"], allowed, load_callable, "hook.parameters")
    try:
        return cls(**parameters)
    except Exception as error:
        raise LonghaulError(
            "INVALID_TASK",
            f"hook: {cls.__name__} refused its parameters: {type(error).__name__}: {error}",
            field="hook",
        ) from error
