"""Triggers: in their loop, and as heartbeating activities on a real server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import scripted_runtime
from process_helpers import Activities, Bench, lines, supervision, trigger_job, until
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError

from longhaul_airflow.processes.triggers import TriggerLoop

pytestmark = pytest.mark.asyncio


def open_loop() -> TriggerLoop:
    loop = TriggerLoop(scripted_runtime.load_runtime(3))  # type: ignore[arg-type]
    loop.start()
    return loop


@contextlib.asynccontextmanager
async def worker(bench: Bench, loop: TriggerLoop, **options: Any) -> AsyncIterator[Any]:
    async with bench.worker(Activities(None, loop, supervision(bench.folder)), **options) as running:
        yield running


async def outcome_of(name: str, deadline_at: int | None = None, **kwargs: Any) -> Any:
    return await asyncio.wait_for(open_loop().begin(trigger_job(name, deadline_at, **kwargs)).outcome, 20)


async def test_the_first_event_is_the_outcome_and_cleanup_ran_before(bench: Bench) -> None:
    file = bench.folder / "f"
    assert (await outcome_of("Event", file=str(file)))["event"] == {"ok": True}
    assert lines(file) == ["cleanup"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Raising", "trigger broke"),
        ("Silent", "Trigger exited without sending an event"),
        ("CancelsItself", "CancelledError"),
    ],
)
async def test_what_goes_wrong_inside_a_trigger_is_an_outcome(name: str, words: str) -> None:
    outcome = await outcome_of(name)
    assert outcome["kind"] == "fail"
    assert words in outcome["traceback"][-1]


async def test_a_cleanup_that_fails_changes_no_outcome() -> None:
    assert (await outcome_of("BadCleanup"))["kind"] == "event"


async def test_a_deadline_is_absolute_and_its_outcome_a_timeout() -> None:
    began = time.monotonic()
    outcome = await outcome_of("Idle", int(time.time() * 1000) + 300, seconds=600)
    assert outcome["kind"] == "timeout"
    assert time.monotonic() - began < 5
    assert (await outcome_of("Idle", int(time.time() * 1000) - 5000, seconds=600))["kind"] == "timeout"


async def test_a_trigger_that_blocks_again_is_named_the_first_time_may_be_its_import(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = open_loop()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert (await loop.begin(trigger_job("Blocking", seconds=0.8)).outcome)["kind"] == "event"
        messages = await until(lambda: [each for each in caplog.messages if "was blocked" in each])
    assert "by Blocking" in messages[0]
    assert len(messages) <= 2


async def test_a_blocking_trigger_makes_nobody_miss_a_heartbeat(bench: Bench) -> None:
    """Blocked for longer than the heartbeat time-out; a repeated try would note a second beginning."""
    loop, file, enough = open_loop(), bench.folder / "f", bench.folder / "enough"
    async with worker(bench, loop):
        other = await bench.start(
            "trigger", trigger_job("Sleeping", file=str(file), enough=str(enough)), heartbeatS=1.5
        )
        await until(lambda: lines(file))
        blocking = await bench.start("trigger", trigger_job("Blocking", seconds=4), heartbeatS=1.5)
        assert (await blocking.result())["event"] == {"blocked": True}
        enough.touch()
        assert (await other.result())["event"] == {"slept": True}
    assert lines(file) == ["waiting", "cleanup"]


async def test_a_user_s_cancel_reaches_the_coroutine_and_waits_for_its_cleanup(bench: Bench) -> None:
    loop, file = open_loop(), bench.folder / "f"
    async with worker(bench, loop):
        handle = await bench.start(
            "trigger", trigger_job("Sleeping", file=str(file), enough="/nowhere"), heartbeatS=1.5
        )
        await until(lambda: lines(file))
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as canceled:
            await handle.result()
    assert isinstance(canceled.value.cause, CancelledError)
    assert lines(file) == ["waiting", "canceled", "cleanup"]


async def test_a_shutdown_hands_waits_over_and_cancels_no_coroutine(bench: Bench) -> None:
    first, file, enough = open_loop(), bench.folder / "f", bench.folder / "enough"
    async with worker(bench, first, grace_s=30):
        handle = await bench.start(
            "trigger", trigger_job("Sleeping", file=str(file), enough=str(enough)), heartbeatS=10
        )
        await until(lambda: lines(file))
    assert lines(file) == ["waiting"]
    async with worker(bench, open_loop()):
        await until(lambda: lines(file) == ["waiting", "waiting"])
        enough.touch()
        assert (await handle.result())["event"] == {"slept": True}
    assert "canceled" not in lines(file)


async def test_a_wait_of_a_killed_worker_goes_on_in_the_next_one(bench: Bench) -> None:
    file, enough = bench.folder / "f", bench.folder / "enough"
    first = await bench.worker_process()
    job = trigger_job("Sleeping", file=str(file), enough=str(enough))
    handles = [await bench.start("trigger", job, heartbeatS=2) for _ in range(5)]
    await until(lambda: len(lines(file)) == 5)
    first.kill()
    second = await bench.worker_process()
    await until(lambda: len(lines(file)) == 10)
    enough.touch()
    outcomes = await asyncio.gather(*(handle.result() for handle in handles))
    second.kill()
    assert [each["event"] for each in outcomes] == [{"slept": True}] * 5
    await first.wait()
    await second.wait()


async def test_two_hundred_triggers_wait_in_one_loop(bench: Bench) -> None:
    loop = open_loop()
    async with worker(bench, loop, slots=500):
        job = trigger_job("Idle", seconds=12)
        handles = await asyncio.gather(*(bench.start("trigger", job, heartbeatS=6) for _ in range(200)))
        await until(lambda: loop.waiting == 200)
        outcomes = await asyncio.gather(*(handle.result() for handle in handles))
    assert [each["kind"] for each in outcomes] == ["event"] * 200
    assert loop.waiting == 0
