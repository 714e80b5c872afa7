"""Puts the failure of a cell into words."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

SPARK_NAMES = {"spark", "sc", "sqlContext"}


def describe(error: BaseException) -> tuple[str, str]:
    """The last line and the whole of its traceback, which begins in the notebook: how it came to be run is ours."""
    trace = "".join(traceback.format_exception(type(error), error, in_notebook(error.__traceback__)))
    line = traceback.format_exception_only(type(error), error)[-1].strip()
    hint = spark_hint(error)
    return f"{line}{hint}", f"{trace.rstrip()}{hint}"


def in_notebook(trace: TracebackType | None) -> TracebackType | None:
    step = trace
    while step is not None and not step.tb_frame.f_code.co_filename.startswith("<cell "):
        step = step.tb_next
    return step


def spark_hint(error: BaseException) -> str:
    if not isinstance(error, NameError) or getattr(error, "name", None) not in SPARK_NAMES:
        return ""
    return ". The simulated workspace runs plain Python: it has no Spark."
