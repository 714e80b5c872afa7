"""Airflow's JSON lines as lines for people: `2026-11-21T10:00:00Z try 1 INFO message`."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

# Said elsewhere in the line, or of no use to a reader.
_TOLD = frozenset(
    {"timestamp", "event", "level", "logger", "filename", "lineno", "loc", "error_detail", "exception", "ti"}
)
# Marks for Airflow's own log viewer.
_MARKS = ("::group::", "::endgroup::")
# Of Airflow's code about Airflow's code.
_INTERNAL = frozenset({"DeprecatedImportWarning"})


def readable_lines(record: bytes, try_number: int) -> list[str]:
    """One record may be several lines, as a traceback is, or none. What is not JSON is shown as it is."""
    text = record.decode("utf-8", "replace").rstrip("\r\n")
    entry = _parse(text)
    if entry is None:
        return [f"try {try_number} {text}"]
    if str(entry["event"]).startswith(_MARKS) or entry.get("category") in _INTERNAL:
        return []
    words = [_time_of(entry), f"try {try_number}", str(entry.get("level", "info")).upper(), _message_of(entry)]
    head = " ".join(word for word in words if word)
    return [line for part in (head, *_traceback_of(entry)) for line in part.split("\n")]


def _parse(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) and "event" in entry else None


def _time_of(entry: dict[str, Any]) -> str:
    given = str(entry.get("timestamp", ""))
    try:
        at = dt.datetime.fromisoformat(given)
    except ValueError:
        return given
    if at.tzinfo is None:
        at = at.replace(tzinfo=dt.UTC)
    return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _message_of(entry: dict[str, Any]) -> str:
    extras = [f"{key}={_short(value)}" for key, value in entry.items() if key not in _TOLD]
    return " ".join([str(entry["event"]), *extras])


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _traceback_of(entry: dict[str, Any]) -> list[str]:
    """Text or a list of errors, under either name: each major has its own habit."""
    detail = entry.get("exception") or entry.get("error_detail")
    if isinstance(detail, str):
        return [detail]
    errors = detail if isinstance(detail, list) else []
    return [line for error in errors if isinstance(error, dict) for line in _error_lines(error)]


def _error_lines(error: dict[str, Any]) -> list[str]:
    frames = error.get("frames")
    shown = [
        f'  File "{frame.get("filename")}", line {frame.get("lineno")}, in {frame.get("name")}'
        for frame in (frames if isinstance(frames, list) else [])
        if isinstance(frame, dict)
    ]
    return [*shown, f"{error.get('exc_type')}: {error.get('exc_value')}"]
