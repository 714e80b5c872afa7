"""What a task prints goes through Airflow's logging: masked, one JSON line each, like the rest of its log."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import sys
from collections.abc import Callable


class LogWriter(io.TextIOBase):
    """Stands for `sys.stdout` or `sys.stderr`. `isatty` is false, `fileno` is the file below: both end in the log."""

    def __init__(self, logger: logging.Logger, fileno: int) -> None:
        self._logger = logger
        self._fileno = fileno
        self._rest = ""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fileno

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._logger.info("%s", line)
        return len(text)

    def flush(self) -> None:
        """A line is written when it ends; the last one may end without."""
        if self._rest:
            rest, self._rest = self._rest, ""
            self._logger.info("%s", rest)


def redirect_standard_streams() -> None:
    sys.stdout = LogWriter(logging.getLogger("airflow.task.stdout"), 1)
    sys.stderr = LogWriter(logging.getLogger("airflow.task.stderr"), 2)


class JsonLines(logging.Formatter):
    """The fields of Airflow 3's task logs, for Airflow 2; masked as a whole, message and traceback."""

    def __init__(self, redact: Callable[[str], object]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": timestamp(dt.datetime.fromtimestamp(record.created, dt.UTC)),
            "level": record.levelname.lower(),
            "event": str(self._redact(record.getMessage())),
            "logger": record.name,
        }
        if record.exc_info:
            line["error_detail"] = str(self._redact(self.formatException(record.exc_info)))
        return json.dumps(line, ensure_ascii=False)


def timestamp(at: dt.datetime) -> str:
    """As Airflow 3 writes it; `at` is in UTC."""
    return at.isoformat().replace("+00:00", "Z")
