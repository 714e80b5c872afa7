"""Standard output, kept for our own lines: programs read it. Airflow and triggers print where they like."""

from __future__ import annotations

import os
import sys
from typing import TextIO

_ours: TextIO | None = None


def claim_output() -> None:
    """From here on everything else that is printed goes to standard error."""
    global _ours  # noqa: PLW0603
    _ours = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)


def say(line: str) -> None:
    stream = _ours or sys.stdout
    stream.write(f"{line}\n")
    stream.flush()
