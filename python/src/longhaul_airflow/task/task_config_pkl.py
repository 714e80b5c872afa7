"""Reads Flyte's `task_config_pkl`: jsonpickle JSON of an `AirflowObj`, taken as data and never as code.

jsonpickle calls whatever a text names: `py/reduce` of `os.system` runs a command while it is decoded. So every tag is
held against a list first, and only what can make a date, a duration or a collection goes on to jsonpickle.
"""

from __future__ import annotations

import datetime as dt
import json
import warnings
from typing import Any
from uuid import uuid4

import jsonpickle

from longhaul_airflow.errors import LonghaulError, invalid_task
from longhaul_airflow.task import values
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.wire import Json, JsonObject, OperatorSpec

FIELD = "task_config_pkl"
AIRFLOW_OBJ = "flytekitplugins.airflow.task.AirflowObj"
_MEMBERS = ("module", "name", "parameters")
_TYPES = frozenset({"datetime.timedelta", "datetime.datetime", "datetime.date", "datetime.timezone"})

TEXT_LIMIT_BYTES = 1024 * 1024
DEPTH_LIMIT = 64
# Of values, after references to one and the same are written out: a short text could otherwise name billions.
VALUES_LIMIT = 100_000


class _AirflowObj:
    """Stands in for Flyte's class, which is not installed here."""

    module: Any
    name: Any
    parameters: Any


def read_task_config_pkl(text: object, allowed: AllowList) -> OperatorSpec:
    """The operator a Flyte template names, its rich values tagged as in `values.py`.

    @raises LonghaulError INVALID_TASK or PERMISSION_DENIED, naming what is refused; nothing of it was executed.
    """
    document = _parse(text)
    scan(document)
    allowed.check_operator(document["module"], document["name"])
    parameters = values.to_tagged(_decode(document))
    return {"module": document["module"], "name": document["name"], "parameters": parameters}


def _parse(text: object) -> JsonObject:
    if not isinstance(text, str):
        raise invalid_task(FIELD, "must be text", text)
    if len(text.encode("utf-8", "surrogatepass")) > TEXT_LIMIT_BYTES:
        raise LonghaulError("PAYLOAD_TOO_LARGE", f"{FIELD}: is larger than 1 MiB", field=FIELD)
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise invalid_task(FIELD, "is nested too deeply") from None
    except ValueError:
        raise invalid_task(FIELD, "is not JSON", text) from None
    if not isinstance(document, dict) or document.get("py/object") != AIRFLOW_OBJ:
        raise invalid_task(FIELD, "is not an AirflowObj", text)
    return document


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    """Of two members with one name, readers differ in which they take: what one checks the other would not run."""
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise invalid_task(FIELD, f"holds the member {twice} twice")
    return members


def _no_constant(name: str) -> None:
    raise ValueError(name)


def scan(document: JsonObject) -> None:
    """Holds the shape and every tag against the list. @raises LonghaulError naming what is refused."""
    for name in document:
        if name != "py/object" and name not in _MEMBERS:
            raise invalid_task(FIELD, f"{name} is not a member of an AirflowObj")
    for name in ("module", "name"):
        if not isinstance(document.get(name), str):
            raise invalid_task(FIELD, f"{name} must be text", document.get(name))
    if not isinstance(document.get("parameters"), dict):
        raise invalid_task(FIELD, "parameters must be an object", document.get("parameters"))
    _scan(document["parameters"], 0, is_top=True)


def _scan(value: Json, depth: int, *, is_top: bool = False) -> None:
    if depth > DEPTH_LIMIT:
        raise invalid_task(FIELD, "is nested too deeply")
    if isinstance(value, list):
        for item in value:
            _scan(item, depth + 1)
    elif isinstance(value, dict):
        _scan_object(value, depth, is_top)


def _scan_object(value: JsonObject, depth: int, is_top: bool) -> None:
    tags = [key for key in value if key.startswith("py/")]
    crooked = next((key for key in value if key.startswith("json://")), None)
    if crooked is not None:
        raise _refused(f"the key {crooked[:40]}")
    if not tags:
        for item in value.values():
            _scan(item, depth + 1)
        return
    for tag in tags:
        if tag not in _TAGS:
            raise _refused(tag)
    if is_top or len(tags) > 1:
        raise _refused(" beside ".join(tags))
    _scan_tagged(tags[0], value, depth)


def _scan_tagged(tag: str, value: JsonObject, depth: int) -> None:
    content = value[tag]
    if tag == "py/object":
        _scan_dated(value, depth)
        return
    if len(value) > 1:
        raise _refused(f"{tag} beside other members")
    match tag:
        case "py/tuple" | "py/set" if isinstance(content, list):
            _scan(content, depth + 1)
        case "py/id" if isinstance(content, int) and not isinstance(content, bool) and content > 1:
            return
        case "py/function" if isinstance(content, str) and "." in content.strip("."):
            return
        case "py/reduce" if isinstance(content, list) and content:
            _scan_reduce(content, depth)
        case _:
            raise _refused(f"{tag} {content!r:.80}")


def _scan_reduce(content: list[Json], depth: int) -> None:
    """A call: only of an allowed type, with plain arguments and nothing else."""
    made_by = _callee(content[0])
    if made_by not in _TYPES or list(content[0]) != ["py/type"]:
        raise _refused(f"py/reduce of {made_by}")
    arguments = content[1] if len(content) == 2 else None  # noqa: PLR2004 - type and arguments
    if not isinstance(arguments, dict) or list(arguments) != ["py/tuple"]:
        raise _refused(f"py/reduce of {made_by} with more than arguments")
    _scan(arguments, depth + 1)


def _callee(target: Json) -> str:
    if isinstance(target, dict) and len(target) == 1:
        return str(next(iter(target.values())))
    return f"{target!r:.80}"


def _scan_dated(value: JsonObject, depth: int) -> None:
    """As jsonpickle writes one: `{"py/object": "datetime.date", "__reduce__": [{"py/type": …}, [BASE64, zone?]]}`."""
    name = value["py/object"]
    if name not in ("datetime.datetime", "datetime.date"):
        raise _refused(f"py/object {name!s:.80}")
    content = value.get("__reduce__")
    if set(value) != {"py/object", "__reduce__"} or not isinstance(content, list) or len(content) != 2:  # noqa: PLR2004
        raise _refused(f"py/object {name} of another shape")
    target, arguments = content
    if target != {"py/type": name}:
        raise _refused(f"py/type {_callee(target)}")
    if not isinstance(arguments, list) or not arguments or not isinstance(arguments[0], str):
        raise _refused(f"py/object {name} of another shape")
    _scan(arguments[1:], depth + 1)


_TAGS = frozenset({"py/object", "py/type", "py/reduce", "py/tuple", "py/set", "py/id", "py/function"})


def _refused(what: str) -> LonghaulError:
    return LonghaulError(
        "PERMISSION_DENIED",
        f"{FIELD}: {what} is refused",
        field=FIELD,
        advice="Give operators plain values, dates and durations; functions by name.",
    )


def _decode(document: JsonObject) -> JsonObject:
    """Only now jsonpickle, for its numbering of shared values: functions are taken out first, as text."""
    mark = f"function {uuid4()} "
    source = _mark_functions(document["parameters"], mark)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            text = json.dumps({**document, "parameters": source})
            made = jsonpickle.decode(text, classes={AIRFLOW_OBJ: _AirflowObj}, on_missing="error")
    except Exception as error:
        # jsonpickle raises whatever the constructors of the values raise.
        raise invalid_task(FIELD, f"cannot be decoded ({type(error).__name__}: {error})") from None
    _check_references(source, made.parameters)
    parameters = _Copy(mark).of(made.parameters)
    if isinstance(parameters, dict):
        return parameters
    raise invalid_task(FIELD, "parameters must be an object")


def _mark_functions(value: Json, mark: str) -> Json:
    """A text takes no number in jsonpickle, as a function takes none: later `py/id` still point where they did."""
    if isinstance(value, list):
        return [_mark_functions(item, mark) for item in value]
    if not isinstance(value, dict):
        return value
    if "py/function" in value:
        return mark + value["py/function"]
    return {key: _mark_functions(item, mark) for key, item in value.items()}


def _check_references(source: Json, value: Json) -> None:
    """jsonpickle makes None of a number that names nothing; the operator would run without what it was given."""
    if isinstance(source, dict) and "py/id" in source:
        if value is None:
            raise invalid_task(FIELD, f"py/id {source['py/id']} points nowhere")
    elif isinstance(source, dict) and isinstance(value, dict):
        for key, item in source.items():
            _check_references(item, value.get(key))
    elif isinstance(source, list) and isinstance(value, list):
        for item, made in zip(source, value, strict=True):
            _check_references(item, made)


class _Copy:
    """Copies what was decoded as far as it is plain, functions put back as text, shared values written out."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._values_left = VALUES_LIMIT
        self._characters_left = TEXT_LIMIT_BYTES

    def of(self, value: Json, depth: int = 0) -> Json:
        self._count(value, depth)
        if isinstance(value, str):
            if not value.startswith(self._mark):
                return value
            module, _, name = value.removeprefix(self._mark).rpartition(".")
            return {"$callable": f"{module}:{name}"}
        if isinstance(value, dict):
            return {str(key): self.of(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set):
            return self._of_items(value, depth)
        if value is None or type(value) in _PLAIN:
            return value
        raise invalid_task(FIELD, f"a py/id points to what no task can be given ({type(value).__name__.strip('_')})")

    def _of_items(self, value: Json, depth: int) -> Json:
        items = [self.of(item, depth + 1) for item in value]
        if isinstance(value, list):
            return items
        try:
            return type(value)(items)
        except TypeError:
            raise invalid_task(FIELD, "py/set holds plain values only") from None

    def _count(self, value: Json, depth: int) -> None:
        self._values_left -= 1
        self._characters_left -= len(value) if isinstance(value, str) else 0
        if self._values_left < 0 or self._characters_left < 0:
            raise invalid_task(FIELD, "is too large once each py/id is written out")
        if depth > DEPTH_LIMIT:
            raise invalid_task(FIELD, "is nested too deeply; a py/id may point to what it stands in")


_PLAIN = (bool, int, float, dt.timedelta, dt.datetime, dt.date, dt.timezone)
