"""What one `get` comes to. Pure; a poke that saw nothing new is a pause: no result but a benign failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from longhaul_airflow.activities.delays import trouble_delay_ms, until_ms
from longhaul_airflow.activities.observe import poke_message
from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.segment import SegmentResult
from longhaul_airflow.wire import AirflowMetadata, JsonObject, PokeStep

_TROUBLE_MESSAGE_LIMIT = 400
# Trouble shorter than this is waited out without showing it.
_TROUBLE_SHOWN_AFTER_MS = 60_000
_LINKS_IN_SNAPSHOT = 5
# Temporal's retry grain: nearer than this a poke is due.
_DUE_WITHIN_MS = 1_000
_NOTHING_BEGUN: JsonObject = {"begun": False, "repeatable": None, "taskState": {}, "operatorState": {}, "xcoms": {}}


@dataclass(frozen=True)
class Look:
    """One try of a `get`. `input`: as in the contract."""

    input: JsonObject
    attempt: int
    now_ms: int
    random: float


@dataclass(frozen=True)
class Pause:
    """Nothing changed yet. `details`: to be put into the heartbeat for the next try."""

    snapshot: JsonObject
    delay_ms: int
    details: JsonObject | None = None


def parse_look(call_input: JsonObject, *, attempt: int, now_ms: int, random: float) -> Look:
    return Look(call_input, attempt, now_ms, random)


def before_poke(look: Look, meta: AirflowMetadata) -> Pause | None:
    """The first try comes at once, and Airflow named the time: it is waited for without holding a worker."""
    if look.attempt > 1:
        return None
    step = cast(PokeStep, meta["step"])
    due_at = max(step["nextPokeAt"], look.input.get("notBefore", 0))
    if due_at - look.now_ms < _DUE_WITHIN_MS:
        return None
    return _pause(look, due_at, {"message": poke_message(due_at)})


def after_poke(look: Look, result: SegmentResult) -> Pause | None:
    """A pause where the workflow knows all there is to know; else None, and the observation is told."""
    if result["state"] != "up_for_reschedule" or "trouble" in look.input:
        return None
    uris = [link["uri"] for link in result["links"]]
    if uris and uris != look.input["seen"]["linkUris"]:
        return None
    poke_at = result.get("rescheduleAt", look.now_ms)
    links = {"links": result["links"][:_LINKS_IN_SNAPSHOT]} if result["links"] else {}
    return _pause(look, poke_at, {"message": poke_message(poke_at), **links})


def _pause(look: Look, due_at: int, said: JsonObject) -> Pause:
    delay_ms = until_ms(due_at, look.now_ms, look.input.get("deadlineAt"))
    snapshot = {
        "phase": look.input["seen"]["phase"],
        **said,
        "meta": look.input["meta"],
        "seenAt": look.now_ms,
        "nextCheckAt": look.now_ms + delay_ms,
    }
    return Pause(snapshot, delay_ms)


def look_failed(look: Look, error: LonghaulError, saved: JsonObject | None) -> JsonObject | Pause:
    """Trouble is shown after a minute, and waited out; only the task's own policy gives up. `saved`: the heartbeat
    details of earlier tries, which know since when."""
    earlier = (saved or {}).get("trouble") or look.input.get("trouble") or {}
    trouble = {
        "code": error.code,
        "message": str(error)[:_TROUBLE_MESSAGE_LIMIT],
        "since": earlier.get("since", look.now_ms),
        "failures": earlier.get("failures", 0) + 1,
    }
    policy = look.input["policy"]
    lasted_ms = look.now_ms - trouble["since"]
    if policy["onUnreachable"] == "fail" and lasted_ms >= policy["unreachableBudgetMs"]:
        return {"kind": "gaveUp", "trouble": trouble}
    if lasted_ms >= _TROUBLE_SHOWN_AFTER_MS and "trouble" not in look.input:
        return {"kind": "trouble", "trouble": trouble}
    delay_ms = trouble_delay_ms(trouble["failures"], look.random)
    pause = _pause(look, look.now_ms + delay_ms, {"trouble": trouble})
    return Pause(pause.snapshot, pause.delay_ms, {**_NOTHING_BEGUN, **(saved or {}), "trouble": trouble})
