"""What a notebook has read out of the secret store is not printed."""

from __future__ import annotations

import io
from typing import TextIO

REDACTED = "[REDACTED]"


class Redactor:
    """Knows the secrets that were read so far."""

    def __init__(self) -> None:
        self._secrets: list[str] = []

    def remember(self, secret: str) -> None:
        if secret and secret not in self._secrets:
            self._secrets.append(secret)
            self._secrets.sort(key=len, reverse=True)  # one may be a part of another

    def redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text


class RedactedStream(io.TextIOBase):
    """Standard output or error with the secrets taken out of each piece that is written."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        super().__init__()
        self._stream = stream
        self._redactor = redactor

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._stream.write(self._redactor.redact(text))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()
