"""Airflow 3 decides the time of a retry in its scheduler (`TaskInstance.next_retry_datetime`); the same rule, pure."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from dataclasses import dataclass

_LONGEST_SECONDS = 24 * 3600


@dataclass(frozen=True)
class RetryRule:
    delay: dt.timedelta
    # `retry_exponential_backoff`: False and 0 mean none, True means 2.
    multiplier: float
    longest: dt.timedelta | None


def retry_delay_ms(rule: RetryRule, identity: str, try_number: int) -> int:
    """`identity` is `dag#task#logical date`: Airflow spreads the retries of different tasks by a hash of it."""
    return int(_delay(rule, identity, try_number).total_seconds() * 1000)


def _delay(rule: RetryRule, identity: str, try_number: int) -> dt.timedelta:
    multiplier = rule.multiplier or 1.0
    if multiplier == 1.0 or multiplier < 0:
        return rule.delay
    shortest = _shortest(rule.delay.total_seconds(), multiplier, try_number)
    digest = hashlib.sha1(f"{identity}#{try_number}".encode(), usedforsecurity=False).hexdigest()
    delay = dt.timedelta(seconds=min(shortest + int(digest, 16) % shortest, _LONGEST_SECONDS))
    return min(rule.longest, delay) if rule.longest else delay


def _shortest(delay_seconds: float, multiplier: float, try_number: int) -> int:
    try:
        return max(math.ceil(delay_seconds * multiplier ** (try_number - 1)), 1)
    except OverflowError:
        return _LONGEST_SECONDS
