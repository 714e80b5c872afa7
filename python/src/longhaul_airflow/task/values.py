"""Rich values inside an operator's parameters: tagged JSON to Python and back. Pure: the caller loads functions.

    {"$timedelta": 90 | "90s" | "15m" | "2h" | "1d"}   {"$datetime": ISO}   {"$date": ISO}   {"$timezone": "UTC"}
    {"$tuple": [..]}   {"$set": [..]}   {"$callable": "package.module:function"}

Everything else stays as it is.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from zoneinfo import ZoneInfo

from longhaul_airflow.errors import LonghaulError, invalid_task
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.wire import Json

# What comes out of tagged JSON: any value Python has.
PythonValue = Json
LoadCallable = Callable[[str], PythonValue]

_UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"^(-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*([smhd]?)$")
_OFFSET = re.compile(r"^([+-])(\d\d):?(\d\d)$")


def revive(value: Json, allowed: AllowList, load: LoadCallable, field: str = "parameters") -> PythonValue:
    """Python values of tagged JSON. `load` is asked only for callables on the allow-list.

    @raises LonghaulError INVALID_TASK naming the field, or PERMISSION_DENIED for a callable.
    """
    if isinstance(value, list):
        return [revive(entry, allowed, load, f"{field}[{i}]") for i, entry in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((tag, content),) = value.items()
        if tag == "$callable":
            return _callable(content, allowed, load, field)
        if tag in ("$tuple", "$set"):
            return _collection(tag, revive(content, allowed, load, field), field)
        if tag in _SCALARS:
            return _scalar(tag, content, field)
    return {key: revive(entry, allowed, load, f"{field}.{key}") for key, entry in value.items()}


def check_values(value: Json, allowed: AllowList, field: str = "parameters") -> None:
    """Whether `revive` would accept it, without importing anything: what is wrong is said before a task starts."""
    revive(value, allowed, lambda path: path, field)


def to_tagged(value: PythonValue, field: str = "parameters") -> Json:
    """The inverse of `revive`, for specs that came as Python values.

    @raises LonghaulError INVALID_TASK for a value that has no tag.
    """
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dict):
        return {str(key): to_tagged(entry, f"{field}.{key}") for key, entry in value.items()}
    if isinstance(value, list):
        return [to_tagged(entry, f"{field}[{i}]") for i, entry in enumerate(value)]
    return _tagged(value, field)


def _tagged(value: PythonValue, field: str) -> Json:
    if isinstance(value, tuple):
        return {"$tuple": [to_tagged(entry, field) for entry in value]}
    if isinstance(value, set | frozenset):
        return {"$set": [to_tagged(entry, field) for entry in sorted(value, key=repr)]}
    for kind, tag, write in _WRITERS:
        if isinstance(value, kind):
            return {tag: write(value)}
    if callable(value) and hasattr(value, "__qualname__"):
        return {"$callable": f"{value.__module__}:{value.__qualname__}"}
    raise invalid_task(field, f"a value of type {type(value).__name__} cannot be given to a task")


def _callable(path: Json, allowed: AllowList, load: LoadCallable, field: str) -> Json:
    if not isinstance(path, str):
        raise invalid_task(field, "$callable is package.module:function", path)
    allowed.check_callable(path)
    return load(path)


def _collection(tag: str, content: Json, field: str) -> Json:
    if not isinstance(content, list):
        raise invalid_task(field, f"{tag} holds a list", content)
    try:
        return tuple(content) if tag == "$tuple" else set(content)
    except TypeError as error:
        raise invalid_task(field, f"{tag} holds plain values only ({error})") from None


def _scalar(tag: str, content: Json, field: str) -> Json:
    try:
        return _SCALARS[tag](content)
    except LonghaulError:
        raise
    except (ValueError, TypeError, KeyError, OverflowError, OSError):
        raise invalid_task(field, f"not a {tag}", content) from None


def _timedelta(content: Json) -> dt.timedelta:
    match = None if isinstance(content, bool) else _DURATION.match(str(content))
    if match is None:
        raise ValueError(content)
    return dt.timedelta(seconds=float(match[1]) * _UNIT_SECONDS[match[2]])


def _datetime(content: Json) -> dt.datetime:
    """Airflow takes a time without a zone for UTC."""
    value = dt.datetime.fromisoformat(content)
    return value if value.tzinfo else value.replace(tzinfo=dt.UTC)


def _timezone(content: Json) -> dt.tzinfo:
    if content in ("UTC", "Z"):
        return dt.UTC
    match = _OFFSET.match(content)
    if match is None:
        return ZoneInfo(content)
    offset = dt.timedelta(hours=int(match[2]), minutes=int(match[3]))
    return dt.timezone(-offset if match[1] == "-" else offset)


_SCALARS: dict[str, Callable[[Json], Json]] = {
    "$timedelta": _timedelta,
    "$datetime": _datetime,
    "$date": dt.date.fromisoformat,
    "$timezone": _timezone,
}
# A datetime is a date too: first the narrower.
_WRITERS: tuple[tuple[type, str, Callable[[Json], Json]], ...] = (
    (dt.timedelta, "$timedelta", lambda value: value.total_seconds()),
    (dt.datetime, "$datetime", lambda value: value.isoformat()),
    (dt.date, "$date", lambda value: value.isoformat()),
    (dt.tzinfo, "$timezone", lambda value: getattr(value, "key", None) or str(value).removeprefix("UTC") or "UTC"),
)
