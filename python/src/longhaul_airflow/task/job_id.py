"""Finds the remote job's id in what an operator left behind. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from longhaul_airflow.wire import Json, JsonObject

# Databricks' run first: a job of theirs has many runs. The others in the order of how surely they name one run.
_NAMES = (
    "run_id",
    "job_run_id",
    "batch_id",
    "statement_id",
    "query_id",
    "query_execution_id",
    "job_id",
    "application_id",
    "external_job_id",
)
_LIMIT = 200


def find_job_id(*places: Json) -> str | None:
    """The first of the known names that any place has a value for."""
    objects = [_plain(place) for place in places]
    return next((found for name in _NAMES for found in _values(name, objects)), None)


def _values(name: str, objects: Iterable[JsonObject]) -> Iterable[str]:
    for place in objects:
        value = place.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int):
            continue
        if 0 < len(str(value)) <= _LIMIT:
            yield str(value)


def _plain(value: Json) -> JsonObject:
    """Airflow 2 wraps a dictionary as `{"__var": {…}, "__type": "dict"}`."""
    if not isinstance(value, dict):
        return {}
    inner = value.get("__var")
    return inner if isinstance(inner, dict) and "__type" in value else value
