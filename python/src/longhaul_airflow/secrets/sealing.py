"""Seals values for one task: `sealed:KEYID:…`, the same bytes as `src/config/sealing.ts` and `sealing-keys.ts`.

AES-256-GCM. The task's id is authenticated with it, so that a copied reference opens for no other task.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from longhaul_airflow.errors import LonghaulError

KEYS_VARIABLE = "LONGHAUL_SEALING_KEYS_FILE"

_IV_BYTES = 12
_KEY_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


@dataclass(frozen=True)
class SealingKey:
    """One key of the operator: 32 bytes under a name that appears in every reference sealed with it."""

    id: str
    key: bytes


class Sealing:
    """The first key seals, every key opens what it sealed: keys are rotated by putting a new one first."""

    def __init__(self, keys: Sequence[SealingKey]) -> None:
        self._keys = keys

    def seal(self, value: str, sealed_for: str) -> str:
        """Another text each time."""
        current = self._keys[0]
        iv = os.urandom(_IV_BYTES)
        sealed = iv + AESGCM(current.key).encrypt(iv, value.encode(), sealed_for.encode())
        return f"sealed:{current.id}:{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def open(self, reference: str, sealed_for: str) -> str:
        """@raises LonghaulError SECRET_UNAVAILABLE without the key, for another task, and for a damaged reference."""
        kind, key_id, text, *_ = (*reference.split(":"), "", "")
        if kind != "sealed":
            raise _unavailable("is none: what stands in its place is not sealed")
        found = next((each for each in self._keys if each.id == key_id), None)
        if found is None:
            raise _unavailable(f"was sealed with the key {key_id}, which is not configured here")
        return _open_with(found.key, text, sealed_for)


def _open_with(key: bytes, text: str, sealed_for: str) -> str:
    try:
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        value = AESGCM(key).decrypt(sealed[:_IV_BYTES], sealed[_IV_BYTES:], sealed_for.encode())
        return value.decode()
    except (InvalidTag, binascii.Error, ValueError):
        raise _unavailable("does not open: it was sealed for another task, or is damaged") from None


def _unavailable(what: str) -> LonghaulError:
    return LonghaulError(
        "SECRET_UNAVAILABLE",
        f"A sealed secret {what}.",
        advice=f"Check {KEYS_VARIABLE}: service and workers need the same keys.",
    )


class FileSealing:
    """The keys of a file. A changed file is taken up at the next use, so that keys are rotated without a restart.

    One that cannot be read any more leaves the keys read before in use, because it may be half written.
    """

    def __init__(self, file: Path) -> None:
        """Reads the file: trouble is said now and not with the first task. @raises LonghaulError CONFIG."""
        self._file = file
        self._stamp = stamp_of(file)
        self._sealing = Sealing(read_sealing_keys(file))

    def seal(self, value: str, sealed_for: str) -> str:
        return self._current().seal(value, sealed_for)

    def open(self, reference: str, sealed_for: str) -> str:
        return self._current().open(reference, sealed_for)

    def _current(self) -> Sealing:
        # Before the file is read: a change in between is seen as one at the next use.
        stamp = stamp_of(self._file)
        if stamp != self._stamp:
            self._stamp = stamp
            self._sealing = self._renewed()
        return self._sealing

    def _renewed(self) -> Sealing:
        try:
            return Sealing(read_sealing_keys(self._file))
        except LonghaulError:
            return self._sealing


def stamp_of(file: Path) -> tuple[int, ...] | None:
    """Changes whenever the file does, also when it is replaced or a link is turned."""
    try:
        stats = file.stat()
    except OSError:
        return None
    return (stats.st_ino, stats.st_size, stats.st_mtime_ns, stats.st_ctime_ns)


def read_sealing_keys(file: Path) -> list[SealingKey]:
    """@raises LonghaulError CONFIG naming file, line and reason, never a key."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        raise _keys_error(f"The file of sealing keys {file} does not exist.") from None
    except (OSError, UnicodeDecodeError):
        raise _keys_error(f"The file of sealing keys {file} cannot be read.") from None
    return parse_sealing_keys(text, file)


def parse_sealing_keys(text: str, file: Path) -> list[SealingKey]:
    """One key a line, `ID BASE64`; empty lines and lines that begin with `#` say nothing."""
    keys: list[SealingKey] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        try:
            keys.append(_parse_key(words, keys))
        except ValueError as error:
            raise _keys_error(f"{file}, line {number}: {error}.") from None
    if not keys:
        raise _keys_error(f"The file of sealing keys {file} holds no key.")
    return keys


def _parse_key(line: str, earlier: Sequence[SealingKey]) -> SealingKey:
    """Words are not quoted before both are known for what they are. @raises ValueError saying what is wrong."""
    words = line.split()
    if len(words) != 2:  # noqa: PLR2004 - an id and a key
        raise ValueError("must be an id, a space and a key in base64")
    key_id, encoded = words
    if _KEY_ID.fullmatch(key_id) is None:
        raise ValueError("the id must be 1 to 32 letters, digits, _ or -")
    if _BASE64.fullmatch(encoded) is None:
        raise ValueError("the key is not base64")
    key = _decode_key(encoded)
    if len(key) != _KEY_BYTES:
        raise ValueError(f"the key must be {_KEY_BYTES} bytes long and is {len(key)}")
    for other in earlier:
        if other.id == key_id:
            raise ValueError(f"the id {key_id} is there already")
        if other.key == key:
            raise ValueError(f"the key of {key_id} is that of {other.id} again")
    return SealingKey(key_id, key)


def _decode_key(encoded: str) -> bytes:
    text = encoded.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("the key is not base64") from None


def _keys_error(message: str) -> LonghaulError:
    return LonghaulError(
        "CONFIG",
        message,
        field=KEYS_VARIABLE,
        advice='Each line is an id and 32 random bytes: echo "k1 $(openssl rand -base64 32)".',
    )
