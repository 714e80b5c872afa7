"""One segment inside a Temporal activity: heartbeats, go, cancel, hand-over, loss."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Literal

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from longhaul_airflow.activities.ports import Supervision
from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.processes.heartbeat import Heartbeat
from longhaul_airflow.processes.orders import Order, Orders, order_of
from longhaul_airflow.processes.segment_outcomes import (
    EarlierTries,
    earlier_tries,
    is_repeatable,
    made_result,
    opening_details,
    owes_kill,
    small_xcoms,
    with_state,
)
from longhaul_airflow.processes.segments import SegmentProcess, Segments, describe_exit
from longhaul_airflow.segment import Repeatable, SegmentError, SegmentJob, SegmentResult, SegmentState, Update
from longhaul_airflow.wire import Json

# Between a child's result and its exit: its log is flushed meanwhile.
_EXIT_GRACE_S = 5.0
# For local commands after `on_kill` has signaled them; what did not end by then is killed.
_COMMANDS_GRACE_S = 10.0


class SegmentRunner:
    """`SegmentPort` over the children of this worker."""

    def __init__(self, segments: Segments) -> None:
        self._segments = segments

    async def run(self, job: SegmentJob, supervision: Supervision) -> SegmentResult:
        return await run_segment(self._segments, job, supervision)


async def run_segment(segments: Segments, job: SegmentJob, supervision: Supervision) -> SegmentResult:
    """Runs one segment to its end.

    Never twice: where a lost try may have begun a segment that is not repeatable, the answer is `unknown` and nothing
    runs. A cancel by the user is answered with `canceled` or `cancel_failed`, or with the true result where the segment
    ended by itself. A worker that shuts down hands a repeatable segment over with a retryable failure and lets any
    other end within the worker's grace.
    """
    orders = Orders()
    run = asyncio.create_task(_SegmentRun(segments, job, supervision, orders).run())
    shutdown = asyncio.create_task(_announce_shutdown(orders))
    try:
        while True:
            try:
                return await asyncio.shield(run)
            except asyncio.CancelledError:
                if run.cancelled():
                    raise
                orders.give(order_of(activity.cancellation_details()))
    finally:
        shutdown.cancel()


async def _announce_shutdown(orders: Orders) -> None:
    await activity.wait_for_worker_shutdown()
    orders.give(Order.HAND_OVER)


class _SegmentRun:
    """Never interrupted from outside: it looks at its orders when it can obey them."""

    def __init__(self, segments: Segments, job: SegmentJob, supervision: Supervision, orders: Orders) -> None:
        raw = activity.info().heartbeat_details
        revealed = [supervision.reveal(raw[0])] if raw and isinstance(raw[0], dict) else []
        self._earlier: EarlierTries = earlier_tries(revealed)
        self._original = job
        details = opening_details(job, self._earlier)
        self._job = with_state(job, details)
        self._segments = segments
        self._supervision = supervision
        self._orders = orders
        self._heartbeat = Heartbeat(details, supervision.protect, orders)
        self._running = False
        self._kill_by: float | None = None

    async def run(self) -> SegmentResult:
        keeping = asyncio.create_task(self._heartbeat.keep())
        try:
            return await self._run()
        except LonghaulError as error:
            if error.code != "UNAVAILABLE":
                raise
            raise handed_over(str(error)) from None
        finally:
            keeping.cancel()

    async def _run(self) -> SegmentResult:
        # Beats go on meanwhile: on a busy machine a start may take longer than the heartbeat time-out.
        process = await self._segments.start(self._job, self._supervision.log_path)
        try:
            return await self._follow(process)
        finally:
            await process.end()

    async def _follow(self, process: SegmentProcess) -> SegmentResult:
        while True:
            happened = await self._next(process)
            match happened:
                case Order():
                    result = await self._obey(happened, process)
                case "graceOver":
                    result = self._cancel_failed(f"on_kill did not end within {self._supervision.kill_grace_s:g} s")
                case None:
                    result = self._ended_silently(await process.wait())
                case _:
                    result = await self._take(happened, process)
            if result is not None:
                return result

    async def _next(self, process: SegmentProcess) -> Update | Order | Literal["graceOver"] | None:
        """What the child says goes before what it is told: a result that is there counts."""
        reading = asyncio.create_task(process.next_update())
        news = asyncio.create_task(self._orders.news.wait())
        try:
            await asyncio.wait((reading, news), timeout=self._time_left(), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                return reading.result()
            if news.done():
                self._orders.news.clear()
                return self._orders.current
            return "graceOver"
        finally:
            reading.cancel()
            news.cancel()

    def _time_left(self) -> float | None:
        return None if self._kill_by is None else max(0.0, self._kill_by - asyncio.get_running_loop().time())

    async def _obey(self, order: Order, process: SegmentProcess) -> SegmentResult | None:
        if not self._running:
            return await self._stop_unbegun()
        if self._kill_by is not None:
            return None
        if order is Order.CANCEL:
            self._begin_cancel(process)
        elif order is Order.GIVE_UP or self._repeatable():
            await self._hand_over(process)
        return None

    def _begin_cancel(self, process: SegmentProcess) -> None:
        if self._job["kind"] == "kill":
            return
        self._kill_by = asyncio.get_running_loop().time() + self._supervision.kill_grace_s
        process.terminate()

    async def _hand_over(self, process: SegmentProcess) -> None:
        """The child first: nothing may change any more when its state is put on record."""
        await process.end()
        if self._orders.current is not Order.GIVE_UP:
            await self._heartbeat.record()
        raise handed_over("the worker shuts down or was told to leave this try; the next one goes on")

    async def _stop_unbegun(self) -> SegmentResult:
        """Ordered before anything of the task's code ran in this try."""
        if self._orders.current is not Order.CANCEL:
            raise handed_over("the worker shuts down or was told to leave this try; nothing had begun")
        if owes_kill(self._original, self._earlier):
            return self._cancel_failed("canceled before this segment began; what ran before is still to be stopped")
        return {**self._made("canceled"), "killedBy": "nothing had begun"}

    async def _take(self, update: Update, process: SegmentProcess) -> SegmentResult | None:
        kind, data = update
        match kind:
            case "begun":
                return await self._allow(data, process)
            case "secrets":
                self._heartbeat.secrets.update(data)
            case "taskState" | "operatorState" | "xcom":
                self._note(kind, data)
            case "onKill":
                return await self._on_kill(data, process)
            case "result":
                return await self._settle(data, process)
            case "crash":
                return {**self._made("failed", data), "code": "INTERNAL"}
        return None

    async def _allow(self, repeatable: Repeatable, process: SegmentProcess) -> SegmentResult | None:
        """Lets the child go, once it is on record that it did."""
        details = self._heartbeat.details
        details["repeatable"] = repeatable
        if self._earlier.may_have_begun and not self._repeatable():
            return self._made(
                "unknown", {"type": "OutcomeUnknown", "message": "the worker was lost while this ran; it may have run"}
            )
        if not await self._may_begin():
            return await self._stop_unbegun()
        self._running = True
        self._heartbeat.begin()
        process.go()
        return None

    async def _may_begin(self) -> bool:
        """What may be repeated needs no record that it began: the next try would run it all the same."""
        details = self._heartbeat.details
        details["begun"] = True
        if self._repeatable():
            return self._orders.current is None
        if await self._heartbeat.put_on_record():
            return True
        details["begun"] = self._earlier.may_have_begun
        await self._heartbeat.record()
        return False

    def _note(self, kind: str, data: Json) -> None:
        details = self._heartbeat.details
        match kind:
            case "taskState":
                details["taskState"] = data
            case "operatorState":
                details["operatorState"] = {**details["operatorState"], **data}
            case _:
                details["xcoms"] = {**details["xcoms"], **small_xcoms(data)}
        self._heartbeat.changed()

    async def _on_kill(self, data: Json, process: SegmentProcess) -> SegmentResult | None:
        details = self._heartbeat.details
        details["operatorState"] = {**details["operatorState"], **data.get("operatorState", {})}
        if not data["ok"]:
            return self._cancel_failed(str(data.get("error") or "on_kill failed"))
        if not data.get("confirmed", True):
            return self._cancel_failed("on_kill ran, and the end of its job is not seen yet")
        await process.let_below_end(_COMMANDS_GRACE_S)
        return {**self._made("canceled"), "killedBy": str(data.get("by", "operator"))}

    async def _settle(self, result: SegmentResult, process: SegmentProcess) -> SegmentResult:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _EXIT_GRACE_S)
        if result["state"] == "up_for_reschedule" and not self._repeatable():
            # The next poke is a try of the same activity: this one has ended, so it may begin.
            self._heartbeat.details["begun"] = False
            await self._heartbeat.record()
        return result

    def _ended_silently(self, code: int) -> SegmentResult:
        words = f"the task's process ended without a result: {describe_exit(code)}"
        if self._kill_by is not None:
            return self._cancel_failed(f"{words}, before on_kill was done")
        return self._made("lost", {"type": "TaskProcessDied", "message": words})

    def _repeatable(self) -> bool:
        return is_repeatable(self._job, self._heartbeat.details["repeatable"])

    def _cancel_failed(self, why: str) -> SegmentResult:
        return self._made("cancel_failed", {"type": "OnKillFailed", "message": why})

    def _made(self, state: SegmentState, error: SegmentError | None = None) -> SegmentResult:
        return made_result(state, self._heartbeat.details, self._heartbeat.secrets, error=error)


def handed_over(why: str) -> ApplicationError:
    """Not an error but a change of hands: the same activity is tried again, soon."""
    return ApplicationError(
        why,
        {"code": "UNAVAILABLE"},
        type="UNAVAILABLE",
        next_retry_delay=timedelta(seconds=1),
        category=ApplicationErrorCategory.BENIGN,
    )
