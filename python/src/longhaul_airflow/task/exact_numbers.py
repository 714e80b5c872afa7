"""Whole numbers beyond 2^53: the task workflow is JavaScript, and would round the id of somebody's run on its way.

Pure. In state that comes back to us they travel as `{"$integer": "9007199254740995"}`, in outputs as their digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from longhaul_airflow.wire import Json

_LARGEST = 2**53 - 1
_TAG = "$integer"
_DIGITS = re.compile(r"-?[1-9][0-9]{15,999}")


def to_exact(value: Json) -> Json:
    return _over_large(value, lambda number: {_TAG: str(number)})


def to_digits(value: Json) -> Json:
    """For people and other programs: ids of external systems are text wherever a number would not do."""
    return _over_large(value, str)


def from_exact(value: Json) -> Json:
    if isinstance(value, list):
        return [from_exact(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    digits = value.get(_TAG)
    if len(value) == 1 and isinstance(digits, str) and _DIGITS.fullmatch(digits):
        return int(digits)
    return {key: from_exact(entry) for key, entry in value.items()}


def _over_large(value: Json, write: Callable[[int], Json]) -> Json:
    if isinstance(value, dict):
        return {key: _over_large(entry, write) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_over_large(entry, write) for entry in value]
    is_large = isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST
    return write(value) if is_large else value
