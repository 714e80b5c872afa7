"""Ours → Temporal's: `type` is the code, the first detail is what the contract calls failure details or snapshot."""

from __future__ import annotations

import json
from datetime import timedelta

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.wire import JsonObject

NOT_CHANGED = "NotChanged"
STOPPING = "Stopping"

# The server keeps the last failure of a waiting activity whole only below 4 KB; beyond, details are dropped.
_MESSAGE_LIMIT = 1_000
_SHORT_MESSAGE = 300
_SNAPSHOT_LIMIT_BYTES = 2_500


class QuietError(ApplicationError):
    """Goes to a task's history without a stack: that may quote values, and means nothing to its readers."""

    __traceback__ = property(lambda _self: None, lambda _self, _traceback: None)


def to_application_error(
    error: LonghaulError, *, retry_in_ms: int | None = None, posts: int | None = None
) -> ApplicationError:
    """Not retried unless `retry_in_ms` says when."""
    details: JsonObject = {"code": error.code}
    if error.advice is not None:
        details["advice"] = error.advice
    if error.field is not None:
        details["field"] = error.field
    if posts is not None:
        details["posts"] = posts
    return QuietError(
        str(error)[:_MESSAGE_LIMIT],
        details,
        type=error.code,
        non_retryable=retry_in_ms is None,
        next_retry_delay=None if retry_in_ms is None else timedelta(milliseconds=retry_in_ms),
    )


def not_changed(snapshot: JsonObject, delay_ms: int) -> ApplicationError:
    """ "Nothing changed": not an error but a state in words, which `describe` reads from the waiting activity."""
    trouble = snapshot.get("trouble")
    said = snapshot["phase"] if trouble is None else f"out of reach ({trouble['message']})"
    return _benign(NOT_CHANGED, said, delay_ms, _fitting(snapshot))


def stopping(message: str, delay_ms: int) -> ApplicationError:
    """ "Asked to stop, not seen stopped yet"."""
    return _benign(STOPPING, message, delay_ms)


def _benign(failure_type: str, message: str, delay_ms: int, *details: JsonObject) -> ApplicationError:
    return QuietError(
        f"{message[: _MESSAGE_LIMIT - 50]}, next check in {round(delay_ms / 1000)} s",
        *details,
        type=failure_type,
        category=ApplicationErrorCategory.BENIGN,
        next_retry_delay=timedelta(milliseconds=delay_ms),
    )


def _fitting(snapshot: JsonObject) -> JsonObject:
    """What goes first when a snapshot is too large: the memo keeps it."""
    fitted = dict(snapshot)
    for lighter in (_without_links, _with_short_message, _without_meta):
        if len(json.dumps(fitted, ensure_ascii=False).encode("utf-8", "replace")) <= _SNAPSHOT_LIMIT_BYTES:
            break
        fitted = lighter(fitted)
    return fitted


def _without_links(snapshot: JsonObject) -> JsonObject:
    return {key: value for key, value in snapshot.items() if key != "links"}


def _with_short_message(snapshot: JsonObject) -> JsonObject:
    return {**snapshot, "message": snapshot["message"][:_SHORT_MESSAGE]} if "message" in snapshot else snapshot


def _without_meta(snapshot: JsonObject) -> JsonObject:
    return {key: value for key, value in snapshot.items() if key != "meta"}
