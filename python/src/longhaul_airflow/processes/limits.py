"""Resource limits of a child, set before any of the task's code runs; what it starts inherits them."""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path
from typing import TypedDict

# The kernel's choice when memory runs out: a child rather than the worker, which would lose all of them.
_OOM_SCORE = "500"
# Between SIGXCPU, which names the reason in the exit code, and SIGKILL.
_CPU_FAREWELL_S = 5


class LimitsOrder(TypedDict):
    memoryBytes: int | None
    cpuSeconds: int | None
    files: int | None


def apply_limits(limits: LimitsOrder) -> None:
    """Memory is what a process may write to; reserved address space and shared libraries do not count on Linux."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE)
    # A core dump would hold the secrets of the task.
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS, limits["memoryBytes"])
    _limit(resource.RLIMIT_NOFILE, limits["files"])
    _limit(resource.RLIMIT_CPU, limits["cpuSeconds"], _CPU_FAREWELL_S)


def _limit(which: int, soft: int | None, beyond: int = 0) -> None:
    """Never above what this process may have anyway."""
    if soft is None:
        return
    _, most = resource.getrlimit(which)
    hard = soft + beyond
    if most != resource.RLIM_INFINITY:
        hard = min(hard, most)
    resource.setrlimit(which, (min(soft, hard), hard))
