"""Pauses before the next try, in milliseconds. Pure; `random` is in [0, 1)."""

from __future__ import annotations

# Temporal's retry grain: anything below comes after about a second all the same.
_SHORTEST_MS = 1_000
_LONGEST_MS = 30_000
# The server closes an activity early when its next retry would pass the deadline: stay on this side of it.
_BEFORE_DEADLINE_MS = 2_000
_JITTER = 0.2


def trouble_delay_ms(failures: int, random: float) -> int:
    """While the other side is out of reach: 1, 2, 4 … seconds up to half a minute."""
    exponential = min(_LONGEST_MS, _SHORTEST_MS << min(failures, 10))
    return round(max(_SHORTEST_MS, exponential * (1 - _JITTER * random)))


def stop_delay_ms(attempt: int, random: float) -> int:
    """A stop is looked for soon at first, then every ten seconds."""
    return min(10_000, trouble_delay_ms(min(attempt - 1, 4), random))


def until_ms(at_ms: int, now_ms: int, deadline_at_ms: int | None) -> int:
    """Until a time, but not beyond the task's nearest deadline."""
    delay = at_ms - now_ms
    if deadline_at_ms is not None:
        delay = min(delay, deadline_at_ms - now_ms - _BEFORE_DEADLINE_MS)
    return max(_SHORTEST_MS, delay)
