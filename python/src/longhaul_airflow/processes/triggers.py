"""Triggers: coroutines in one event loop of their own, so that a badly written one delays no heartbeat."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.runtime.load import Runtime
from longhaul_airflow.segment import TriggerJob, TriggerOutcome
from longhaul_airflow.task.allow_list import AllowList

_STALL_S = 0.2
# For `cleanup` and for what a trigger does when its coroutine is canceled.
_CLEANUP_S = 30.0

logger = logging.getLogger(__name__)

try:
    from greenback import ensure_portal
except ImportError:
    # Airflow 2.11 asks nothing of its supervisor from synchronous code.
    ensure_portal = None


Answer = TriggerOutcome | BaseException
Tell = Callable[[Answer], None]


@dataclass(frozen=True)
class Wait:
    """One trigger under way. `outcome` belongs to the event loop that asked."""

    outcome: asyncio.Future[TriggerOutcome]
    cancel: Callable[[], None]
    """Stops the coroutine as the user's cancel does; `outcome` is canceled once it has cleaned up."""


class TriggerLoop:
    """Coroutines left in here are abandoned when the worker leaves, never canceled: some triggers cancel the external
    job when they are."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._seen_at = time.monotonic()
        self._blocked_before: set[str] = set()

    def start(self) -> None:
        threading.Thread(target=self._loop.run_forever, name="triggers", daemon=True).start()
        threading.Thread(target=self._watch, name="triggers-watchdog", daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._tick(), self._loop)

    @property
    def waiting(self) -> int:
        return len(self._tasks)

    def begin(self, job: TriggerJob) -> Wait:
        """To be called in the event loop that awaits the outcome."""
        asked_in = asyncio.get_running_loop()
        outcome: asyncio.Future[TriggerOutcome] = asked_in.create_future()
        begun: list[asyncio.Task[None]] = []
        asked_to_stop: list[bool] = []

        def tell(answer: Answer) -> None:
            with contextlib.suppress(RuntimeError):  # The worker's loop is closed: nobody asks any more.
                asked_in.call_soon_threadsafe(_settle, outcome, answer)

        def begin() -> None:
            task = self._loop.create_task(self._run(job, asked_to_stop, tell), name=job["trigger"]["classpath"])
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            begun.append(task)

        def stop() -> None:
            asked_to_stop.append(True)
            begun[0].cancel()

        self._loop.call_soon_threadsafe(begin)
        return Wait(outcome, lambda: _in(self._loop, stop))

    async def _run(self, job: TriggerJob, asked_to_stop: list[bool], tell: Tell) -> None:
        if ensure_portal is not None:
            await ensure_portal()
        try:
            tell(await self._outcome(job))
        except asyncio.CancelledError as error:
            # A trigger may cancel itself, by what it awaits.
            tell(error if asked_to_stop else self._runtime.trigger_failed(error))
        except BaseException as error:
            tell(error)

    async def _outcome(self, job: TriggerJob) -> TriggerOutcome:
        with self._runtime.trigger_scope(job):
            deadline_at = job["trigger"].get("deadlineAt")
            if deadline_at is None:
                return await self._first_event(job)
            return await self._before(deadline_at, self._first_event(job))

    async def _before(self, deadline_at: int, event: Awaitable[TriggerOutcome]) -> TriggerOutcome:
        """Airflow, too, cancels the coroutine of a trigger that timed out."""
        try:
            async with asyncio.timeout(max(0.0, deadline_at / 1000 - time.time())):
                return await event
        except TimeoutError:
            return {"kind": "timeout", "secrets": []}

    async def _first_event(self, job: TriggerJob) -> TriggerOutcome:
        """What goes wrong inside a trigger is an outcome: Airflow fails the task then, and nothing is retried."""
        classpath = job["trigger"]["classpath"]
        async with contextlib.AsyncExitStack() as closing:
            try:
                trigger = self._runtime.make_trigger(job["trigger"], AllowList.from_json(job["allowed"]))
                trigger.trigger_id = job["token"]
                closing.push_async_callback(_clean_up, trigger.cleanup, classpath)
                events: AsyncGenerator[object, None] = trigger.run()
                closing.push_async_callback(_clean_up, events.aclose, classpath)
                async for event in events:
                    return self._runtime.trigger_outcome(event)
                return self._runtime.trigger_failed(None)
            except LonghaulError:
                raise
            except Exception as error:
                return self._runtime.trigger_failed(error)

    async def _tick(self) -> None:
        while True:
            self._seen_at = time.monotonic()
            await asyncio.sleep(_STALL_S / 4)

    def _watch(self) -> None:
        """Names the trigger while it blocks; afterwards nobody could tell which one it was."""
        while True:
            time.sleep(_STALL_S / 2)
            stalled_since = self._seen_at
            if time.monotonic() - stalled_since > _STALL_S:
                culprit = self._current()
                while self._seen_at == stalled_since:
                    time.sleep(_STALL_S / 4)
                self._report(time.monotonic() - stalled_since, culprit)

    def _current(self) -> str:
        with contextlib.suppress(Exception):
            task = asyncio.current_task(self._loop)
            if task is not None:
                return task.get_name()
        return "one of them"

    def _report(self, seconds: float, culprit: str) -> None:
        """Not the first time: a class blocks the loop once, while its module is imported."""
        if culprit not in self._blocked_before:
            self._blocked_before.add(culprit)
            return
        logger.warning(
            "The triggers' event loop was blocked for %.2f s by %s; %d triggers waited meanwhile. A trigger that does "
            "so again and again should run as a task without `deferrable`.",
            seconds,
            culprit,
            self.waiting,
        )


async def _clean_up(cleanup: Callable[[], Awaitable[None]], classpath: str) -> None:
    """Always, and never in place of the outcome."""
    try:
        async with asyncio.timeout(_CLEANUP_S):
            await cleanup()
    except Exception as error:
        logger.warning("The clean-up of %s failed: %s: %s", classpath, type(error).__name__, error)


def _settle(outcome: asyncio.Future[TriggerOutcome], answer: Answer) -> None:
    if outcome.done():
        return
    if isinstance(answer, asyncio.CancelledError):
        outcome.cancel()
    elif isinstance(answer, Exception):
        outcome.set_exception(answer)
    elif isinstance(answer, BaseException):
        outcome.set_exception(RuntimeError(f"the trigger ended with {type(answer).__name__}: {answer}"))
    else:
        outcome.set_result(answer)


def _in(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call)
