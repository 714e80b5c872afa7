"""Our resource meta: made by `create`, carried by the workflow, read from unknown JSON by every other activity.

Version 1. Members a later release adds are left out, so that a task may go on during a roll-out; another version is
refused in words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, cast

from longhaul_airflow.errors import LonghaulError, invalid_task
from longhaul_airflow.task.task_spec import Creation, parse_task_spec
from longhaul_airflow.wire import AirflowMetadata, HookSpec, JsonObject, OperatorSpec, Step

VERSION: Literal[1] = 1

Check = Callable[[object], bool]


def create_metadata(creation: Creation) -> AirflowMetadata:
    """Equal for equal requests of one attempt. Nothing is started.

    @raises LonghaulError INVALID_TASK, PERMISSION_DENIED, UNSUPPORTED.
    """
    spec = parse_task_spec(creation)
    meta: AirflowMetadata = {
        "version": VERSION,
        "airflowMajor": creation.airflow_major,
        "token": creation.request["idempotencyToken"],
        "task": spec.task,
        "step": {"kind": "execute"},
        "operatorState": {},
        "taskState": {},
        "xcoms": {},
    }
    if spec.is_hook:
        meta["airflowHook"] = cast(HookSpec, spec.work)
    else:
        meta["airflowOperator"] = spec.work
    return meta


def external_id(meta: AirflowMetadata) -> str:
    """By this people know the job: its id at the other side, until then our token."""
    return meta.get("jobId") or meta["token"]


def work_of(meta: AirflowMetadata) -> OperatorSpec:
    """The operator or the hook: every meta has one."""
    return meta["airflowHook"] if "airflowHook" in meta else meta["airflowOperator"]


def parse_metadata(value: object, airflow_major: int) -> AirflowMetadata:
    """@raises LonghaulError INVALID_TASK naming the member, CONFIG for a task of another Airflow."""
    if not isinstance(value, dict):
        raise invalid_task("meta", "must be an object", value)
    if value.get("version") != VERSION or isinstance(value.get("version"), bool):
        raise invalid_task("meta.version", f"must be {VERSION}: this worker reads no other", value.get("version"))
    meta = _members("meta", value, _META)
    if ("airflowOperator" in meta) == ("airflowHook" in meta):
        raise invalid_task("meta.airflowOperator", "a task has one operator or one hook")
    meta["step"] = _parse_step(meta["step"])
    for name, parts in (
        ("task", _TASK),
        ("airflowOperator", _OPERATOR),
        ("airflowHook", _HOOK),
        ("airflowTrigger", _TRIGGER),
    ):
        if name in meta:
            meta[name] = _members(f"meta.{name}", meta[name], parts)
    if meta["step"]["kind"] == "trigger" and "airflowTrigger" not in meta:
        raise invalid_task("meta.airflowTrigger", "is missing, and the task waits for it")
    _assert_major(meta["airflowMajor"], airflow_major)
    return cast(AirflowMetadata, meta)


def _assert_major(meant: int, served: int) -> None:
    if meant != served:
        raise LonghaulError(
            "CONFIG",
            f"This task belongs to Airflow {meant}, and the worker that got it runs Airflow {served}.",
            advice="Give each Airflow its own task queue; what one has deferred the other cannot read.",
        )


def _parse_step(value: JsonObject) -> Step:
    members = _STEPS.get(value.get("kind", ""))
    if members is None:
        raise invalid_task("meta.step.kind", f"must be one of {', '.join(_STEPS)}", value.get("kind"))
    return cast(Step, _members("meta.step", value, members))


def _members(where: str, value: JsonObject, known: dict[str, tuple[bool, str, Check]]) -> dict[str, Any]:
    """Known members, each checked; others are left out."""
    found = {}
    for name, (is_required, words, is_right) in known.items():
        if name not in value:
            if is_required:
                raise invalid_task(f"{where}.{name}", "is missing")
            continue
        if not is_right(value[name]):
            raise invalid_task(f"{where}.{name}", words, value[name])
        found[name] = value[name]
    return found


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_objects(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, dict) for item in value.values())


def _is_links(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(link, dict) and set(link) == {"name", "uri"} and all(map(_is_text, link.values())) for link in value
    )


def _is_json(_value: object) -> bool:
    return True


Rule = tuple[bool, str, Check]
_Rules = dict[str, Rule]
_TEXT: Rule = (True, "must be text", _is_text)
_WHOLE: Rule = (True, "must be a whole number", _is_whole)
_OBJECT: Rule = (True, "must be an object", _is_object)
_OBJECTS: Rule = (True, "must be an object of objects", _is_objects)
_JSON: Rule = (True, "", _is_json)


def _optional(rule: Rule) -> Rule:
    return (False, *rule[1:])


_META: _Rules = {
    "version": _WHOLE,
    "airflowMajor": _WHOLE,
    "token": _TEXT,
    "airflowOperator": _optional(_OBJECT),
    "airflowHook": _optional(_OBJECT),
    "airflowTrigger": _optional(_OBJECT),
    "airflowTriggerCallback": _optional(_TEXT),
    "nextKwargs": _optional(_JSON),
    "jobId": _optional(_TEXT),
    "task": _OBJECT,
    "step": _OBJECT,
    "operatorState": _OBJECT,
    "taskState": _OBJECT,
    "xcoms": _OBJECT,
    "links": (False, "must be a list of links", _is_links),
}
_OPERATOR: _Rules = {"module": _TEXT, "name": _TEXT, "parameters": _OBJECT}
_HOOK: _Rules = {**_OPERATOR, "method": _TEXT, "args": _OBJECT}
_TRIGGER: _Rules = {"classpath": _TEXT, "kwargs": _JSON, "deadlineAt": _optional(_WHOLE)}
_TASK: _Rules = {
    "dagId": _TEXT,
    "taskId": _TEXT,
    "runId": _TEXT,
    "tryNumber": _WHOLE,
    "retries": _WHOLE,
    "startedAt": _WHOLE,
    "logicalDate": _TEXT,
    "dataIntervalStart": _optional(_TEXT),
    "dataIntervalEnd": _optional(_TEXT),
    "conf": _OBJECT,
    "params": _OBJECT,
    "upstream": _OBJECTS,
    "connections": _OBJECTS,
    "variables": _OBJECT,
    "project": _optional(_TEXT),
}
_STEPS: dict[str, _Rules] = {
    "execute": {"kind": _TEXT},
    "poke": {"kind": _TEXT, "firstStartedAt": _WHOLE, "nextPokeAt": _WHOLE},
    "trigger": {"kind": _TEXT},
    "resume": {"kind": _TEXT, "nextMethod": _TEXT, "nextKwargs": _JSON, "event": _optional(_JSON)},
    "kill": {"kind": _TEXT, "reason": _TEXT, "after": (False, "must be `lost`", lambda value: value == "lost")},
    "ended": {"kind": _TEXT},
}
