"""Tells the server what the next try must know. Some of it must be on record before anything goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.service import RPCError, RPCStatusCode

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.processes.orders import Order, Orders, order_of
from longhaul_airflow.processes.segment_outcomes import Details
from longhaul_airflow.wire import JsonObject

# A cancel reaches the worker with the answer to a heartbeat.
_INTERVAL_S = 2.0
_PAUSE_S = 0.5
# Short segments end within it, and several changes are one beat.
_GATHER_S = 0.2
_RPC_TIMEOUT = timedelta(seconds=5)

Protect = Callable[[JsonObject, Sequence[str]], JsonObject]

logger = logging.getLogger(__name__)


class Heartbeat:
    """Until the segment is allowed to begin, every beat is acknowledged and in order. The SDK's own beats are throttled
    and never acknowledged, so one that says "not begun" could arrive late and make another try repeat the segment.
    A segment that ends before its first beat is due costs none."""

    def __init__(self, details: Details, protect: Protect, orders: Orders) -> None:
        self.details = details
        self.secrets: set[str] = set()
        self._protect = protect
        self._orders = orders
        self._one_at_a_time = asyncio.Lock()
        self._news = asyncio.Event()
        self._acknowledging = True
        info = activity.info()
        self._handle = activity.client().get_async_activity_handle(task_token=info.task_token)
        allowed = info.heartbeat_timeout.total_seconds() if info.heartbeat_timeout else 30.0
        self._interval_s = min(_INTERVAL_S, allowed / 3)

    async def put_on_record(self) -> bool:
        """Insists until the server has it; False when an order came instead."""
        while self._orders.current is None:
            if await self.record():
                return True
            await asyncio.sleep(_PAUSE_S)
        return False

    async def record(self) -> bool:
        """One acknowledged beat."""
        async with self._one_at_a_time:
            try:
                await self._handle.heartbeat(self._protected(), rpc_timeout=_RPC_TIMEOUT)
            except AsyncActivityCancelledError as canceled:
                self._orders.give(order_of(canceled.details))
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND:
                    self._orders.give(Order.GIVE_UP)
                else:
                    logger.warning("A heartbeat was not acknowledged (%s); it is repeated.", error.message)
                return False
            return True

    def begin(self) -> None:
        """From here on all beats say "begun", so those of the SDK may be used; they also bring cancellations."""
        self._acknowledging = False

    def changed(self) -> None:
        """State that the next try needs to find the job again: sent soon, past the SDK's throttle."""
        self._news.set()

    async def keep(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._interval_s)
            if self._acknowledging or self._news.is_set():
                await asyncio.sleep(_GATHER_S)
                self._news.clear()
                # A call cut off in the middle is an error at the server; nobody waits for its end.
                await asyncio.shield(self.record())
            else:
                activity.heartbeat(self._protected())

    def _protected(self) -> JsonObject:
        details: JsonObject = {**self.details}
        try:
            return self._protect(details, sorted(self.secrets))
        except LonghaulError as error:
            logger.warning("State of the segment is left out of its heartbeat: %s", error)
            bare: JsonObject = {**self.details, "taskState": {}, "operatorState": {}, "xcoms": {}}
            return bare
