"""Triggers of the demo operators."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from longhaul_demo.files import note


class TicksTrigger(BaseTrigger):
    """Counts in memory only: an event comes after `ticks` in one life."""

    def __init__(self, ticks: int, every_seconds: float = 0.2) -> None:
        super().__init__()
        self.ticks = ticks
        self.every_seconds = every_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "longhaul_demo.triggers.TicksTrigger", {"ticks": self.ticks, "every_seconds": self.every_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        for _ in range(self.ticks):
            await asyncio.sleep(self.every_seconds)
        yield TriggerEvent({"ticks": self.ticks})


class FileTrigger(BaseTrigger):
    """Waits for a file, and notes a cancellation of its coroutine, where provider triggers cancel the remote job."""

    def __init__(self, path: str, started: str, canceled: str) -> None:
        super().__init__()
        self.path = path
        self.started = started
        self.canceled = canceled

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {"path": self.path, "started": self.started, "canceled": self.canceled}
        return "longhaul_demo.triggers.FileTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        note(self.started, "waiting")
        try:
            while not Path(self.path).exists():
                await asyncio.sleep(0.1)
        except asyncio.CancelledError:
            note(self.canceled, "canceled")
            raise
        yield TriggerEvent({"path": self.path})


class BrokenTrigger(BaseTrigger):
    """Raises instead of giving an event."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "longhaul_demo.triggers.BrokenTrigger", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        raise RuntimeError("the trigger broke")
        yield TriggerEvent({})
