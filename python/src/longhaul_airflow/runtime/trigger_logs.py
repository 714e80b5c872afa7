"""What a trigger says belongs into its task's log, and not among the worker's own words.

Both of Airflow's ways are taken: the standard library's logging, and structlog on 3.3. A line is masked as a whole,
and written before the call returns.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import traceback
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from longhaul_airflow.logs.task_logs import FILE_LIMIT_BYTES
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.output import JsonLines, timestamp

Redact = Callable[[str], object]
_log_path: ContextVar[Path | None] = ContextVar("longhaul_trigger_log", default=None)


@contextmanager
def log_of_trigger(path: str | None) -> Iterator[None]:
    """Inside it, and in tasks begun inside it, lines go to this file."""
    token = _log_path.set(None if path is None else Path(path))
    try:
        yield
    finally:
        _log_path.reset(token)


def take_logging(redact: Redact) -> None:
    """Once in the worker process."""
    root = logging.getLogger()
    for handler in root.handlers:
        handler.addFilter(_is_the_workers)
    taken = _TaskLogHandler()
    taken.setFormatter(JsonLines(redact))
    root.addHandler(taken)


def take_structlog(redact: Redact) -> None:
    """In place: loggers that were made before keep the list of processors."""
    import structlog

    def to_task_log(_logger: Foreign, level: str, event: MutableMapping[str, Foreign]) -> Foreign:
        path = _log_path.get()
        if path is None:
            return event
        fields = {name: str(redact(words)) for name, words in _words_of(event).items()}
        _append(
            path,
            json.dumps({"timestamp": timestamp(dt.datetime.now(dt.UTC)), "level": level, **fields}, ensure_ascii=False),
        )
        raise structlog.DropEvent

    structlog.get_config()["processors"].insert(0, to_task_log)


class _TaskLogHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        path = _log_path.get()
        if path is None:
            return
        try:
            _append(path, self.format(record))
        except Exception:
            self.handleError(record)


def _is_the_workers(_record: logging.LogRecord) -> bool:
    return _log_path.get() is None


def _words_of(event: MutableMapping[str, Foreign]) -> dict[str, str]:
    """structlog's positional arguments are formatted by a later processor, which this line never reaches."""
    words = {name: str(value) for name, value in event.items() if name not in ("positional_args", "exc_info")}
    if event.get("exc_info"):
        words["exception"] = traceback.format_exc()
    positional = event.get("positional_args")
    return {**words, "event": words.get("event", "") % positional} if positional else words


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # A trigger that logs at each look must not fill the disk in a month of waiting.
        if os.fstat(fd).st_size < FILE_LIMIT_BYTES:
            os.write(fd, f"{line}\n".encode())
    finally:
        os.close(fd)
