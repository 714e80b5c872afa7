"""Secrets of tasks: resolved right before use, kept out of what comes back. As `src/config/secret-resolver.ts`.

Nothing is cached but the values themselves, for redaction: a rotated file or variable is seen at once.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeGuard

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.secrets.redaction import Redactor
from longhaul_airflow.wire import Json

_SEALED = "$sealed"


class SealingPort(Protocol):
    def seal(self, value: str, sealed_for: str) -> str: ...
    def open(self, reference: str, sealed_for: str) -> str: ...


def is_secret_reference(value: Json) -> TypeGuard[dict[str, str]]:
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("$secret"), str)


def find_secret_references(value: Json, path: str = "") -> list[tuple[str, str]]:
    """Every reference in a value, with the path of the field that holds it."""
    if is_secret_reference(value):
        return [(path, value["$secret"])]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in find_secret_references(item, f"{path}[{index}]")]
    if not isinstance(value, dict):
        return []
    return [
        found
        for key, item in value.items()
        for found in find_secret_references(item, str(key) if path == "" else f"{path}.{key}")
    ]


def assert_secrets_allowed(spec: Json, allowed: Sequence[str]) -> None:
    """May a task name these references? `allowed`: exact references or a trailing `*`.

    @raises LonghaulError PERMISSION_DENIED naming the field.
    """
    for field, reference in find_secret_references(spec):
        if any(_matches(pattern, reference) for pattern in allowed):
            continue
        raise LonghaulError(
            "PERMISSION_DENIED",
            f"{field}: the secret {reference} is not in secrets.allow",
            field=field,
            advice="Ask the operator to list it in LONGHAUL_SECRETS_ALLOW, or name one that is listed.",
        )


def _matches(pattern: str, reference: str) -> bool:
    return reference.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == reference


class TaskSecrets:
    """Secrets as the activities of one worker need them."""

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        allowed: Sequence[str],
        sealing: SealingPort | None = None,
    ) -> None:
        self._env = env
        self._sealing = sealing
        self.allowed = tuple(allowed)
        self._seen: set[str] = set()
        self._last: tuple[frozenset[str], Redactor] | None = None

    def assert_allowed(self, spec: Json) -> None:
        assert_secrets_allowed(spec, self.allowed)

    def resolve(self, value: Json, sealed_for: str) -> Json:
        """The same value with each reference replaced; for use right before a segment, never to be kept.

        @raises LonghaulError PERMISSION_DENIED for what is not allowed, SECRET_UNAVAILABLE for what has no value here,
        UNSUPPORTED for another kind of reference.
        """
        if is_secret_reference(value):
            return self._resolve_one(value["$secret"], sealed_for)
        if isinstance(value, list):
            return [self.resolve(item, sealed_for) for item in value]
        if isinstance(value, dict):
            return {key: self.resolve(item, sealed_for) for key, item in value.items()}
        return value

    def values_in(self, value: Json, sealed_for: str) -> list[str]:
        """Values of the references that still resolve: for redaction, where a missing one is no reason to fail."""
        values = []
        for _, reference in find_secret_references(value):
            with contextlib.suppress(LonghaulError):
                values.append(self._resolve_one(reference, sealed_for))
        return values

    def redactor(self, more: Iterable[str] = ()) -> Redactor:
        """Knows each value of an allowed `env:` or exact `file:` reference, what was resolved, and `more`."""
        values = frozenset({*self._known(), *self._seen, *more})
        # One answer asks for it up to ten times, and making its pattern is the work.
        if self._last is None or self._last[0] != values:
            self._last = (values, Redactor(values))
        return self._last[1]

    def seal(self, value: Json, more: Iterable[str], sealed_for: str) -> Json:
        """Whatever holds a known secret becomes `{"$sealed": "sealed:…"}`; all else stays readable.

        @raises LonghaulError SECRET_UNAVAILABLE where something must be sealed and no key is configured.
        """
        redactor = self.redactor(more)
        return self._seal(value, redactor, lambda text: self._seal_text(text, sealed_for))

    def leave_out(self, value: Json, more: Iterable[str], sealed_for: str) -> tuple[Json, bool]:
        """As `seal`; without a key, members that hold a secret are missing and the second part says so."""
        if self._sealing is not None:
            return self.seal(value, more, sealed_for), False
        redactor = self.redactor(more)
        if not isinstance(value, dict):
            return value, False
        kept = {key: item for key, item in value.items() if not _holds_secret({key: item}, redactor)}
        return kept, len(kept) < len(value)

    def unseal(self, value: Json, sealed_for: str) -> Json:
        """The inverse of `seal`. Only for what our own activities wrote: a user's spec is never opened.

        @raises LonghaulError SECRET_UNAVAILABLE.
        """
        if _is_sealed(value):
            return json.loads(self._open(value[_SEALED], sealed_for))
        if isinstance(value, list):
            return [self.unseal(item, sealed_for) for item in value]
        if isinstance(value, dict):
            return {key: self.unseal(item, sealed_for) for key, item in value.items()}
        return value

    def _seal(self, value: Json, redactor: Redactor, seal_text: Callable[[str], str]) -> Json:
        if isinstance(value, list):
            return [self._seal(item, redactor, seal_text) for item in value]
        if isinstance(value, dict) and not _is_sealed(value) and not any(map(redactor.finds_in, map(str, value))):
            return {key: self._seal(item, redactor, seal_text) for key, item in value.items()}
        # A leaf, an object with a secret in a key, or something that would be taken for sealed.
        if _is_sealed(value) or _holds_secret(value, redactor):
            return {_SEALED: seal_text(json.dumps(value))}
        return value

    def _seal_text(self, text: str, sealed_for: str) -> str:
        if self._sealing is None:
            raise LonghaulError(
                "SECRET_UNAVAILABLE",
                "The task keeps a secret in its state, and this worker has no key to seal it with.",
                advice="Name a file of keys in LONGHAUL_SEALING_KEYS_FILE, the same for all workers of this queue.",
            )
        return self._sealing.seal(text, sealed_for)

    def _resolve_one(self, reference: str, sealed_for: str) -> str:
        assert_secrets_allowed({"secret": {"$secret": reference}}, self.allowed)
        value = self._read(reference, sealed_for)
        if not value:
            raise _unavailable(reference, "has no value here")
        self._seen.add(value)
        return value

    def _read(self, reference: str, sealed_for: str) -> str | None:
        kind, colon, name = reference.partition(":")
        if kind == "env" and colon:
            return self._env.get(name)
        if kind == "file" and colon:
            return _read_secret_file(reference, name)
        if kind == "sealed" and colon:
            return self._open(reference, sealed_for)
        raise LonghaulError(
            "UNSUPPORTED",
            f"The secret {reference} is of a kind that is not resolved here.",
            advice="Name it as env:NAME or file:/PATH.",
        )

    def _open(self, reference: str, sealed_for: str) -> str:
        if self._sealing is None:
            raise LonghaulError(
                "SECRET_UNAVAILABLE",
                "A sealed secret cannot be opened: this worker has no keys.",
                advice="Check LONGHAUL_SEALING_KEYS_FILE: service and workers need the same keys.",
            )
        return self._sealing.open(reference, sealed_for)

    def _known(self) -> set[str]:
        values = {value for name, value in self._env.items() if self._is_allowed(f"env:{name}")}
        for pattern in self.allowed:
            if pattern.startswith("file:") and not pattern.endswith("*"):
                values |= _peek(pattern)
        return values

    def _is_allowed(self, reference: str) -> bool:
        # `*` alone would make every variable a secret, PATH and HOME with it.
        return any(_matches(pattern, reference) for pattern in self.allowed if pattern.startswith("env:"))


def _peek(reference: str) -> set[str]:
    try:
        return {_read_secret_file(reference, reference.partition(":")[2])}
    except LonghaulError:
        return set()


def _read_secret_file(reference: str, path: str) -> str:
    """One line break at the end of a file is not part of the secret."""
    _assert_plain_path(reference, path)
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            return re.sub(r"\r?\n\Z", "", file.read())
    except (OSError, UnicodeDecodeError):
        raise _unavailable(reference, "cannot be read") from None


def _assert_plain_path(reference: str, path: str) -> None:
    """`file:/secrets/*` must not open `/secrets/../etc/passwd`."""
    if path.startswith("/") and ".." not in path.split("/"):
        return
    raise LonghaulError("PERMISSION_DENIED", f'The secret {reference} must be an absolute path without "..".')


def _unavailable(reference: str, what: str) -> LonghaulError:
    return LonghaulError(
        "SECRET_UNAVAILABLE",
        f"The secret {reference} {what}.",
        advice="Set it where the worker runs; the value itself never belongs into a task.",
    )


def _is_sealed(value: Json) -> TypeGuard[dict[str, str]]:
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(_SEALED), str)


def _holds_secret(value: Json, redactor: Redactor) -> bool:
    if isinstance(value, dict):
        return any(redactor.finds_in(str(key)) or _holds_secret(item, redactor) for key, item in value.items())
    if isinstance(value, list):
        return any(_holds_secret(item, redactor) for item in value)
    if isinstance(value, bool) or value is None:
        return False
    return redactor.finds_in(value if isinstance(value, str) else str(value))


def secret_values(before: Json, after: Json) -> list[str]:
    """The values that stand in `after` where `before` has references: what a child may leak first of all."""
    if is_secret_reference(before):
        return [after] if isinstance(after, str) else []
    if isinstance(before, dict) and isinstance(after, dict):
        return [value for key, item in before.items() for value in secret_values(item, after.get(key))]
    if isinstance(before, list) and isinstance(after, list):
        return [value for one, other in zip(before, after, strict=False) for value in secret_values(one, other)]
    return []
