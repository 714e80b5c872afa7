"""What must not be seen: told to Airflow's masker before the task's code runs, and to our parent before any data."""

from __future__ import annotations

import json
import re

from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.load import Channel
from longhaul_airflow.segment import SegmentJob, UpdateKind
from longhaul_airflow.wire import JsonObject

_SHORTEST_SECRET = 5
_SECRET_NAME = re.compile(r"pass|secret|token|key|private|authorization|credential", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def mask_job(masker: Foreign, job: SegmentJob) -> None:
    """Passwords and sensitive extras of connections, variables whose name says so, and all values of references."""
    for fields in job["connections"].values():
        _mask_connection(masker, fields)
    for name, value in job["variables"].items():
        masker.add_mask(value, name)
    for value in job.get("secretValues", []):
        masker.add_mask(value)


def known_secrets(masker: Foreign) -> list[str]:
    """The values behind Airflow's patterns, longest first so that a value is replaced before its own part is."""
    return sorted((_ESCAPED.sub(r"\1", str(pattern)) for pattern in masker.patterns), key=len, reverse=True)


class GuardedChannel:
    """Names new secrets to the parent before it sends anything that could hold them."""

    def __init__(self, channel: Channel, masker: Foreign) -> None:
        self._channel = channel
        self._masker = masker
        self._told = -1

    def send(self, kind: UpdateKind, data: Foreign) -> None:
        count = len(self._masker.patterns)
        if count != self._told:
            self._channel.send("secrets", known_secrets(self._masker))
            self._told = count
        self._channel.send(kind, data)

    def wait_for_go(self) -> None:
        self._channel.wait_for_go()


def _mask_connection(masker: Foreign, fields: JsonObject) -> None:
    if fields.get("password"):
        masker.add_mask(str(fields["password"]))
    extra = fields.get("extra")
    if not extra:
        return
    text = extra if isinstance(extra, str) else json.dumps(extra)
    masker.add_mask(text)
    try:
        masker.add_mask(json.loads(text), "extra")
    except ValueError:
        return


def connection_secrets(connections: dict[str, JsonObject]) -> list[str]:
    """Passwords and sensitive extras, for where there is no process of its own to ask the masker of."""
    found: set[str] = set()
    for fields in connections.values():
        recorder = _Recorder()
        _mask_connection(recorder, fields)
        found |= recorder.patterns
    return sorted(found, key=len, reverse=True)


class _Recorder:
    """Takes the masker's place and remembers; of extras what their name gives away, as Airflow does."""

    def __init__(self) -> None:
        self.patterns: set[str] = set()

    def add_mask(self, value: Foreign, _name: str | None = None) -> None:
        if isinstance(value, str) and len(value) >= _SHORTEST_SECRET:
            self.patterns.add(value)
        elif isinstance(value, dict):
            for name, entry in value.items():
                if isinstance(entry, dict) or _SECRET_NAME.search(str(name)):
                    self.add_mask(entry)
