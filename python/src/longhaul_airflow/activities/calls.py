"""The one wrapper around every activity: cancellation first, our errors in our words, each call counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from temporalio import activity
from temporalio.exceptions import FailureError

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.secrets.protection import Protection, redact_error

T = TypeVar("T")

_TASK_TYPE = "airflow"


@dataclass
class Call:
    """One try of one activity. `protection` learns the secrets that come up on the way."""

    attempt: int
    protection: Protection

    def learn(self, values: list[str]) -> None:
        self.protection = self.protection.knowing(values)


async def run_call(call: Call, run: Callable[[], Awaitable[T]], on_error: Callable[[LonghaulError], T]) -> T:
    """`on_error` gives the result for an error, or raises what Temporal shall see; never called for a cancellation.

    What is Temporal's own already goes through: a segment handed over, a poke that saw nothing new.
    """
    began = time.monotonic()
    outcome = "ok"
    try:
        return await run()
    except asyncio.CancelledError:
        outcome = "canceled"
        raise
    except FailureError:
        outcome = "ok"
        raise
    except Exception as error:
        ours = redact_error(_to_ours(error), call.protection.redactor())
        outcome = ours.code
        failed = ours
    finally:
        _record(outcome, round((time.monotonic() - began) * 1000))
    # Outside of `except`: the failure must not carry what was caught as its cause.
    return on_error(failed)


def _to_ours(error: Exception) -> LonghaulError:
    if isinstance(error, LonghaulError):
        return error
    return LonghaulError("INTERNAL", f"{type(error).__name__}: {error}")


def _record(outcome: str, duration_ms: int) -> None:
    """Beside Temporal's own metrics, as the TypeScript workers do. Labels are bounded and hold nothing of a task."""
    meter = activity.metric_meter()
    labels = {"task_type": _TASK_TYPE, "activity": activity.info().activity_type, "outcome": outcome}
    meter.create_counter("longhaul_connector_calls", "Calls of connectors by outcome", "1").add(1, labels)
    meter.create_histogram("longhaul_connector_call_duration", "Duration of calls of connectors", "ms").record(
        duration_ms, labels
    )
