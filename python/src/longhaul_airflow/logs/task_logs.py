"""Logs of tasks: one append-only file for each task and try, written by its children, read in pages.

Each worker keeps the logs of the segments it ran; workers that share a folder serve each other's.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

from longhaul_airflow.errors import invalid_task
from longhaul_airflow.logs.log_lines import readable_lines
from longhaul_airflow.secrets.redaction import Redactor
from longhaul_airflow.wire import AirflowMetadata, Json

FILE_LIMIT_BYTES = 20 * 1024 * 1024
KEPT_DAYS = 30
DEFAULT_LINES = 1_000
FIRST_PAGE = "start"
_CUT = b"The log was cut here: a try may keep 20 MB.\n"
_CAP_EVERY_S = 10.0
_CHUNK_BYTES = 64 * 1024
_DAY_S = 86_400


class LogsPage(TypedDict):
    lines: list[str]
    nextPageToken: NotRequired[str]
    # All that is there by now was given: the token goes on with what is yet to be written.
    atEnd: NotRequired[bool]
    truncated: bool


@dataclass(frozen=True)
class LogsRequest:
    """The tail by default, else from `position` on: a try and an offset in its file."""

    limit: int
    position: tuple[int, int] | None


def parse_logs_request(value: Json) -> LogsRequest:
    """@raises LonghaulError INVALID_TASK naming the member."""
    request = value if isinstance(value, dict) else {}
    limit = request.get("limit", DEFAULT_LINES)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise invalid_task("limit", "must be a number of lines above 0", limit)
    token = request.get("pageToken")
    return LogsRequest(limit, None if token is None else _parse_position(token))


def _parse_position(token: object) -> tuple[int, int]:
    """`TRY:OFFSET`, as an earlier page gave it; the beginning of all has the same name with every connector."""
    if token == FIRST_PAGE:
        return (1, 0)
    words = token.split(":") if isinstance(token, str) else []
    if len(words) == 2 and all(word.isascii() and word.isdigit() and len(word) <= 15 for word in words):  # noqa: PLR2004
        return (int(words[0]), int(words[1]))
    raise invalid_task("pageToken", "is none of those that an earlier page gave", token)


class TaskLogs:
    """The folder of logs of this worker."""

    def __init__(self, folder: Path, host: str | None = None) -> None:
        self._folder = folder
        self._host = host or socket.gethostname()

    def path_for(self, meta: AirflowMetadata) -> Path:
        """The file of the current try. Its name is a hash: no part of a task's own names gets into a path."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._path(meta, meta["task"]["tryNumber"])

    @contextlib.asynccontextmanager
    async def capped(self, path: Path) -> AsyncIterator[None]:
        """Keeps the file at its limit while a child writes it. Looked at every few seconds."""
        keeper = asyncio.create_task(_keep_capped(path))
        try:
            yield
        finally:
            keeper.cancel()
            cap(path)

    def read(self, meta: AirflowMetadata, request: LogsRequest, redactor: Redactor) -> LogsPage:
        """Complete lines only, secrets replaced once more: what a child wrote was masked by Airflow alone."""
        page = self._page(meta, request)
        return {**page, "lines": [redactor.redact_text(line) for line in page["lines"]]}

    def remove_old(self, now_s: float | None = None) -> int:
        """Called when a worker starts. Gives the number of files removed."""
        before = (time.time() if now_s is None else now_s) - KEPT_DAYS * _DAY_S
        removed = 0
        for path in self._folder.glob("*.log"):
            # Another worker of a shared folder may be removing the same.
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()
                    removed += 1
        return removed

    def _path(self, meta: AirflowMetadata, try_number: int) -> Path:
        base = meta["token"].removesuffix(f"-{meta['task']['tryNumber']}")
        task = meta["task"]
        named = "\n".join((base, task["dagId"], task["runId"], task["taskId"]))
        return self._folder / f"{hashlib.sha256(named.encode()).hexdigest()[:32]}-{try_number}.log"

    def _page(self, meta: AirflowMetadata, request: LogsRequest) -> LogsPage:
        last = meta["task"]["tryNumber"]
        try_number, offset = request.position or (last, 0)
        path = self._path(meta, try_number)
        if not path.is_file():
            return self._missing(meta, try_number)
        if request.position is None:
            # Measured before: what is written meanwhile is given twice rather than not at all.
            end = _end_of(path)
            lines, cut = _tail(path, try_number, request.limit)
            return {"lines": lines, "truncated": cut, "nextPageToken": f"{try_number}:{end}", "atEnd": True}
        lines, after, more = _from(path, (try_number, offset), request.limit)
        if not more and try_number < last:
            return {"lines": lines, "truncated": False, "nextPageToken": f"{try_number + 1}:0"}
        page: LogsPage = {"lines": lines, "truncated": False, "nextPageToken": f"{try_number}:{after}"}
        return page if more else {**page, "atEnd": True}

    def _missing(self, meta: AirflowMetadata, try_number: int) -> LogsPage:
        said = (
            f"{self._host} has no log of try {try_number}: a worker keeps the logs of the segments it ran. "
            "Give all workers one shared folder in LONGHAUL_AIRFLOW_LOGS."
        )
        page: LogsPage = {"lines": [said], "truncated": True}
        if try_number < meta["task"]["tryNumber"]:
            page["nextPageToken"] = f"{try_number + 1}:0"
        return page


async def _keep_capped(path: Path) -> None:
    while True:
        await asyncio.sleep(_CAP_EVERY_S)
        cap(path)


def cap(path: Path, limit: int = FILE_LIMIT_BYTES) -> None:
    """Cuts what is beyond the limit and says so once. Children append, so they go on behind the cut."""
    with contextlib.suppress(FileNotFoundError), path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        if size <= limit + len(_CUT):
            return
        file.seek(max(0, limit - _CHUNK_BYTES))
        head = file.read(min(limit, _CHUNK_BYTES))
        whole = head.rfind(b"\n") + 1 or len(head)
        file.seek(max(0, limit - _CHUNK_BYTES) + whole)
        file.write(_CUT)
        file.truncate()


def _end_of(path: Path) -> int:
    """The offset behind the last complete line."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        while position > 0:
            step = min(_CHUNK_BYTES, position)
            position -= step
            file.seek(position)
            end = file.read(step).rfind(b"\n")
            if end != -1:
                return position + end + 1
    return 0


def _tail(path: Path, try_number: int, limit: int) -> tuple[list[str], bool]:
    """The last lines, and whether there are earlier ones."""
    lines: list[str] = []
    for record in _records_backwards(path):
        shown = readable_lines(record, try_number)
        if len(lines) + len(shown) > limit:
            rest = limit - len(lines)
            return [*shown[len(shown) - rest :], *lines], True
        lines = [*shown, *lines]
    return lines, False


def _from(path: Path, position: tuple[int, int], limit: int) -> tuple[list[str], int, bool]:
    """Lines from an offset on, the offset behind them, and whether more are complete by now."""
    try_number, offset = position
    lines: list[str] = []
    with path.open("rb") as file:
        file.seek(offset)
        for record in file:
            if not record.endswith(b"\n"):
                break
            shown = readable_lines(record, try_number)
            if lines and len(lines) + len(shown) > limit:
                return lines, offset, True
            lines += shown[:limit]
            offset += len(record)
    return lines, offset, False


def _records_backwards(path: Path) -> Iterator[bytes]:
    """Complete lines, the last one first, without reading the whole file."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        is_last = True
        while position > 0:
            step = min(_CHUNK_BYTES, position)
            position -= step
            file.seek(position)
            pieces = (file.read(step) + rest).split(b"\n")
            # What stands behind the last line break is still being written.
            complete = pieces[1:-1] if is_last else pieces[1:]
            is_last = is_last and len(pieces) == 1
            yield from reversed(complete)
            rest = pieces[0]
        if not is_last:
            yield rest
