"""Replaces known secret values by `***`, in any spelling. The rules are those of `src/config/redactor.ts`."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterable
from urllib.parse import quote

from longhaul_airflow.wire import Json

# Airflow's own word: a task's log shows one and the same, whoever masked it.
REDACTED = "***"

# Shorter values are left alone: to blank every `on` or `42` would destroy a text and yet hide nothing worth hiding.
SHORTEST_SECRET = 4
# From here on the inner characters of a base64 text are long enough not to hit innocent text by chance.
SHORTEST_EMBEDDED_BYTES = 8


class Redactor:
    """Knows values as they are, JSON-escaped, URL-encoded, in base64, alone or inside a longer encoded text.

    Hold it no longer than the values.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._pattern = _to_pattern({value for value in values if len(value) >= SHORTEST_SECRET})

    def redact_text(self, text: str) -> str:
        return text if self._pattern is None else self._pattern.sub(REDACTED, text)

    def finds_in(self, text: str) -> bool:
        return self._pattern is not None and self._pattern.search(text) is not None

    def redact(self, value: Json) -> Json:
        """Keys, texts and numbers, at any depth."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.redact_text(value)
        if isinstance(value, dict):
            return {self.redact_text(str(key)): self.redact(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.redact(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and self.finds_in(str(value)):
            return REDACTED
        return value


def _to_pattern(values: set[str]) -> re.Pattern[str] | None:
    spellings = sorted({spelling for value in values for spelling in _spellings_of(value)}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, spellings))) if spellings else None


def _spellings_of(value: str) -> list[str]:
    data = value.encode("utf-8", "replace")
    percent = quote(data, safe="-_.!~*'()")
    lower = re.sub(r"%[0-9A-F]{2}", lambda code: code.group().lower(), percent)
    return [
        value,
        json.dumps(value, ensure_ascii=False)[1:-1],
        json.dumps(value)[1:-1],
        percent,
        lower,
        percent.replace("%20", "+"),
        *_base64_spellings(data),
    ]


def _base64_spellings(data: bytes) -> list[str]:
    text = base64.b64encode(data).decode()
    whole = [text, _to_base64url(text).rstrip("=")]
    if len(data) < SHORTEST_EMBEDDED_BYTES:
        return whole
    embedded = [_embedded_base64(data, offset) for offset in range(3)]
    return [*whole, *embedded, *map(_to_base64url, embedded)]


def _embedded_base64(data: bytes, offset: int) -> str:
    """The characters that depend on the value alone when `offset` bytes (modulo 3) stand before it in a longer text."""
    padded = bytes(offset) + data
    return base64.b64encode(padded).decode()[math.ceil(offset * 8 / 6) : len(padded) * 8 // 6]


def _to_base64url(text: str) -> str:
    return text.replace("+", "-").replace("/", "_")
