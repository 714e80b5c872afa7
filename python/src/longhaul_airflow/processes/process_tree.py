"""Ends processes with everything below them. Bash and other operators put their commands into sessions of their own, so
the process group of a segment is not all of it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it comes with Airflow, its types do not

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36


def kill_group(pid: int) -> None:
    """SIGKILL to the group that `pid` leads, or to `pid` while it leads none yet."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def kill_below(pid: int) -> None:
    """SIGKILL to every descendant of `pid`, whatever group or session it is in."""
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                process.kill()


def has_below(pid: int) -> bool:
    """Whether any descendant of `pid` still runs."""
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE:
                    return True
    return False


def children_of(pid: int) -> list[int]:
    """Direct children, zombies included."""
    with contextlib.suppress(OSError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    with contextlib.suppress(psutil.Error):
        return [process.pid for process in psutil.Process(pid).children()]
    return []


def adopt_orphans() -> None:
    """What a dead child leaves running becomes a child of this process, which can then end it. Linux only."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide_from_children() -> None:
    """Children run as the same user: without this they read the worker's environment and memory in /proc.

    Linux only, and no protection where everything runs as root.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
