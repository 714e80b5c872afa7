"""What a running segment or wait is told from outside, and by whom."""

from __future__ import annotations

import asyncio
from enum import IntEnum

from temporalio import activity


class Order(IntEnum):
    """Later ones win."""

    # Another try, on another worker or later, goes on: the worker shuts down, or somebody paused or reset this try.
    HAND_OVER = 1
    # The user wants it stopped.
    CANCEL = 2
    # This try does not count any more, or there is no time left: end it without a word to the external system.
    GIVE_UP = 3


class Orders:
    def __init__(self) -> None:
        self.current: Order | None = None
        self.news = asyncio.Event()

    def give(self, order: Order) -> None:
        if self.current is None or order > self.current:
            self.current = order
            self.news.set()


def order_of(details: activity.ActivityCancellationDetails | None) -> Order:
    """A user's cancel is the only reason to stop an external job. A try that the server no longer knows may already
    have a successor, which has the same job."""
    if details is None:
        return Order.GIVE_UP
    if details.cancel_requested and not details.not_found:
        return Order.CANCEL
    return Order.HAND_OVER if details.paused or details.reset else Order.GIVE_UP
