"""Segments inside Temporal activities: a real server, real workers, real children."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from process_helpers import (
    Activities,
    Bench,
    is_running,
    lines,
    open_segments,
    pending_details,
    pids,
    segment_job,
    supervision,
    until,
)

pytestmark = pytest.mark.asyncio


@contextlib.asynccontextmanager
async def worker(bench: Bench, kill_grace_s: float = 5.0, grace_s: float = 0) -> AsyncIterator[Any]:
    async with open_segments() as segments:
        activities = Activities(segments, None, supervision(bench.folder, kill_grace_s))
        async with bench.worker(activities, grace_s=grace_s) as running:
            yield running


def counting(bench: Bench, repeatable: str | None) -> tuple[Any, Path, Path]:
    counter, enough = bench.folder / "counter", bench.folder / "enough"
    return segment_job("count", counter=str(counter), enough=str(enough), repeatable=repeatable), counter, enough


async def test_a_segment_gives_its_result(bench: Bench) -> None:
    async with worker(bench):
        handle = await bench.start("segment", segment_job("succeed"))
        assert (await handle.result())["state"] == "success"


async def test_a_cancel_runs_on_kill_and_ends_everything_below(bench: Bench) -> None:
    file = bench.folder / "f"
    async with worker(bench):
        handle = await bench.start("segment", segment_job("stop_on_term", file=str(file)))
        below = await until(lambda: pids(file))
        await handle.cancel()
        result = await handle.result()
        assert [pid for pid in below if is_running(pid)] == []
    assert result["state"] == "canceled"
    assert result["killedBy"] == "operator"
    assert result["operatorState"] == {"run_id": 9}
    assert lines(file).count("on_kill") == 1


@pytest.mark.parametrize(
    ("how", "words"), [("onKillFails", "no way"), ("onKillHangs", "on_kill did not end within 0.5 s")]
)
async def test_an_on_kill_that_fails_or_hangs_is_never_taken_for_a_cancel(bench: Bench, how: str, words: str) -> None:
    file = bench.folder / "f"
    async with worker(bench, kill_grace_s=0.5):
        handle = await bench.start("segment", segment_job("stop_on_term", file=str(file), **{how: True}))
        below = await until(lambda: pids(file))
        await handle.cancel()
        result = await handle.result()
        assert [pid for pid in below if is_running(pid)] == []
    assert result["state"] == "cancel_failed"
    assert words in result["error"]["message"]


async def test_a_cancel_before_anything_began_is_a_cancel_and_runs_nothing(bench: Bench) -> None:
    file = bench.folder / "f"
    async with worker(bench):
        handle = await bench.start("segment", segment_job("wait_before_begun", file=str(file)))
        await until(lambda: pids(file))
        await handle.cancel()
        assert (await handle.result())["state"] == "canceled"
        assert not is_running(pids(file)[0])


async def test_a_resume_that_is_canceled_before_it_began_still_owes_the_kill(bench: Bench) -> None:
    file = bench.folder / "f"
    async with worker(bench):
        handle = await bench.start("segment", segment_job("wait_before_begun", "resume", file=str(file)))
        await until(lambda: pids(file))
        await handle.cancel()
        assert (await handle.result())["state"] == "cancel_failed"


async def test_a_child_that_dies_is_lost_in_words_and_its_state_is_kept(bench: Bench) -> None:
    async with worker(bench):
        result = await (await bench.start("segment", segment_job("die"))).result()
    assert result["state"] == "lost"
    assert "killed by SIGKILL" in result["error"]["message"]
    assert result["taskState"] == {"remote": "run 7"}


async def test_a_defect_of_the_runtime_is_an_internal_failure(bench: Bench) -> None:
    async with worker(bench):
        result = await (await bench.start("segment", segment_job("crash"))).result()
    assert (result["state"], result["code"]) == ("failed", "INTERNAL")


@pytest.mark.parametrize("repeatable", [None, "token"])
async def test_a_killed_worker_s_segment_runs_again_only_where_that_is_safe(
    bench: Bench, repeatable: str | None
) -> None:
    job, counter, enough = counting(bench, repeatable)
    first = await bench.worker_process()
    handle = await bench.start("segment", job)
    await until(lambda: lines(counter))
    child = int(lines(counter)[0].split()[1])
    await until_details(handle, lambda details: details["taskState"] == {"remote": "run 7"})
    first.kill()
    await until(lambda: not is_running(child))
    second = await bench.worker_process()
    if repeatable:
        await until(lambda: len(lines(counter)) == 2)
        assert "run 7" in lines(counter)[1]
        enough.touch()
    result = await handle.result()
    second.kill()
    assert result["state"] == ("success" if repeatable else "unknown")
    assert result["taskState"] == {"remote": "run 7"}
    assert len(lines(counter)) == (2 if repeatable else 1)
    await first.wait()
    await second.wait()


async def test_begun_is_on_record_before_the_child_may_go(bench: Bench) -> None:
    """The kill follows the first line of the segment's own code at once: no throttled heartbeat could be that fast."""
    job, counter, _ = counting(bench, None)
    for _ in range(3):
        counter.unlink(missing_ok=True)
        first = await bench.worker_process()
        handle = await bench.start("segment", job)
        await until(lambda: counter.exists() and lines(counter))
        first.kill()
        assert (await pending_details(handle))["begun"] is True
        await first.wait()
        await handle.terminate()


async def test_a_segment_lost_before_it_began_is_simply_run(bench: Bench) -> None:
    file = bench.folder / "f"
    first = await bench.worker_process()
    handle = await bench.start("segment", segment_job("wait_before_begun", file=str(file)))
    await until(lambda: pids(file))
    assert not (await pending_details(handle) or {}).get("begun")
    first.kill()
    second = await bench.worker_process()
    await until(lambda: len(pids(file)) == 2)
    second.kill()
    await first.wait()
    await second.wait()
    await handle.terminate()


async def test_a_shutdown_hands_a_repeatable_segment_over_at_once_and_is_no_cancel(bench: Bench) -> None:
    job, counter, enough = counting(bench, "state")
    async with worker(bench, grace_s=30):
        handle = await bench.start("segment", job)
        await until(lambda: lines(counter))
        await until_details(handle, lambda details: details["taskState"] != {})
    child = int(lines(counter)[0].split()[1])
    assert not is_running(child)
    async with worker(bench):
        await until(lambda: len(lines(counter)) == 2)
        enough.touch()
        result = await handle.result()
    assert result["state"] == "success"
    assert "run 7" in lines(counter)[1]


async def test_a_shutdown_lets_a_segment_that_must_not_be_repeated_end(bench: Bench) -> None:
    job, counter, enough = counting(bench, None)
    async with worker(bench, grace_s=30) as running:
        handle = await bench.start("segment", job)
        await until(lambda: lines(counter))
        ending = asyncio.create_task(running.shutdown())
        await until(lambda: running.is_shutdown or running.is_running)
        enough.touch()
        await ending
    assert (await handle.result())["state"] == "success"
    assert len(lines(counter)) == 1


async def test_after_the_grace_such_a_segment_is_ended_and_its_outcome_is_unknown(bench: Bench) -> None:
    job, counter, _ = counting(bench, None)
    async with worker(bench, grace_s=0.5):
        handle = await bench.start("segment", job)
        await until(lambda: lines(counter))
    assert not is_running(int(lines(counter)[0].split()[1]))
    async with worker(bench):
        result = await handle.result()
    assert result["state"] == "unknown"
    assert len(lines(counter)) == 1


async def test_heartbeat_details_are_protected_with_the_secrets_known_so_far(bench: Bench) -> None:
    job, counter, enough = counting(bench, "state")
    async with worker(bench):
        handle = await bench.start("segment", job)
        await until(lambda: lines(counter))
        details = await until_details(handle, lambda details: details["taskState"] != {})
        enough.touch()
        await handle.result()
    assert details["protectedFrom"] == ["hunter2"]
    assert details["operatorState"] == {"run_id": 7}


async def test_a_sensor_that_poked_and_ended_may_poke_again_on_the_next_try(bench: Bench) -> None:
    counter = bench.folder / "counter"
    async with worker(bench):
        handle = await bench.start("segment", segment_job("reschedule", counter=str(counter), repeatable=None))
        assert (await handle.result())["state"] == "up_for_reschedule"
    assert lines(counter) == ["poked"]


async def test_a_try_the_server_has_given_up_ends_its_child_without_on_kill(bench: Bench) -> None:
    file = bench.folder / "f"
    async with worker(bench):
        handle = await bench.start("segment", segment_job("stop_on_term", file=str(file)))
        below = await until(lambda: pids(file))
        await handle.terminate()
        await until(lambda: not any(is_running(pid) for pid in below))
    assert "on_kill" not in lines(file)


async def test_a_lost_fork_server_hands_its_segments_over(bench: Bench) -> None:
    job, counter, enough = counting(bench, "token")
    async with open_segments() as segments, bench.worker(Activities(segments, None, supervision(bench.folder))):
        handle = await bench.start("segment", job)
        await until(lambda: lines(counter))
        os.kill(segments._server.pid, signal.SIGKILL)
        await segments.died
    async with worker(bench):
        await until(lambda: len(lines(counter)) == 2)
        enough.touch()
        assert (await handle.result())["state"] == "success"


async def until_details(handle: Any, condition: Any) -> Any:
    for _ in range(600):
        details = await pending_details(handle)
        if details is not None and condition(details):
            return details
        await asyncio.sleep(0.05)
    raise AssertionError("the heartbeat never said it")
