"""One wait for a trigger inside a Temporal activity. Thousands at once: no thread, no queue, no task of its own."""

from __future__ import annotations

import asyncio
import random

from temporalio import activity

from longhaul_airflow.activities.ports import Supervision
from longhaul_airflow.processes.orders import Order, order_of
from longhaul_airflow.processes.supervise import handed_over
from longhaul_airflow.processes.triggers import TriggerLoop, Wait
from longhaul_airflow.segment import TriggerJob, TriggerOutcome

# What a trigger gets for its clean-up when the user cancels; then the wait is given up and the task's kill follows.
_CANCEL_GRACE_S = 40.0


class TriggerWaits:
    """`TriggerPort` over the trigger loop. Hands all waits over when the worker begins to shut down."""

    def __init__(self, loop: TriggerLoop) -> None:
        self._loop = loop
        self._waits: set[asyncio.Future[TriggerOutcome]] = set()
        self._announcing: asyncio.Task[None] | None = None

    async def wait(self, job: TriggerJob, supervision: Supervision) -> TriggerOutcome:
        """Repeated from the serialized trigger when a worker is lost, which is what Airflow's triggerer does too.

        @raises CancelledError after a user's cancel, once the coroutine has cleaned up.
        """
        activity.heartbeat()
        self._announce_shutdown()
        wait = self._loop.begin(job)
        self._waits.add(wait.outcome)
        try:
            return await _await(wait)
        finally:
            self._waits.discard(wait.outcome)

    def _announce_shutdown(self) -> None:
        """One watcher for all: thousands of them would cost more than the triggers."""
        if self._announcing is None:
            self._announcing = asyncio.create_task(self._hand_over())
        elif self._announcing.done():
            raise handed_over("the worker shuts down; another one waits for the trigger")

    async def _hand_over(self) -> None:
        await activity.wait_for_worker_shutdown()
        for outcome in self._waits:
            if not outcome.done():
                outcome.set_exception(handed_over("the worker shuts down; another one waits for the trigger"))


async def _await(wait: Wait) -> TriggerOutcome:
    pause_s = _pause_s()
    try:
        while not (await asyncio.wait((wait.outcome,), timeout=pause_s))[0]:
            activity.heartbeat()
            pause_s = _pause_s()
    except asyncio.CancelledError:
        await _obey(order_of(activity.cancellation_details()), wait)
        raise
    return wait.outcome.result()


def _pause_s() -> float:
    """A third of the time-out, spread so that thousands do not beat together."""
    timeout = activity.info().heartbeat_timeout
    third = (timeout.total_seconds() if timeout else 60.0) / 3
    return third * random.uniform(0.7, 1.0)  # noqa: S311


async def _obey(order: Order, wait: Wait) -> None:
    """Only the user's cancel reaches the coroutine. Any other try that ends is abandoned: its trigger goes on until its
    event, which nobody takes, rather than cancel the external job of its successor."""
    if order is not Order.CANCEL:
        raise handed_over("this try was given up; the next one waits for the trigger")
    wait.cancel()
    await asyncio.wait((wait.outcome,), timeout=_CANCEL_GRACE_S)
