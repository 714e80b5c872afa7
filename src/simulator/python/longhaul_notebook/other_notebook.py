"""`dbutils.notebook.run`: another notebook in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .session import find_notebook

if TYPE_CHECKING:
    from .dbutils import RunNotebook


class WorkflowException(Exception):
    """As Databricks names it: the other notebook did not end in success."""


class WorkflowTimeout(WorkflowException, TimeoutError):
    """It did not end in time and was killed."""


def create_run(program: Path, request: dict[str, Any]) -> RunNotebook:
    """`request` is the one of the notebook that calls; the other one shares its secrets and task values."""
    folder = Path(request["notebook"]).parent

    def run(path: str, timeout_seconds: float, arguments: dict[str, str]) -> str | None:
        notebook = find_notebook(path, folder)
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch) / "request.json"
            child = {**request, "notebook": str(notebook), "parameters": arguments}
            file.write_text(json.dumps(child), encoding="utf-8")
            start(program, file, timeout_seconds)
            return to_value(path, file.with_name("result.json"))

    return run


def start(program: Path, file: Path, timeout_seconds: float) -> None:
    command = [sys.executable, str(program), str(file)]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=timeout_seconds or None, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as expired:
        raise WorkflowTimeout(f"TIMEDOUT: the notebook took more than {timeout_seconds} seconds") from expired


def to_value(path: str, file: Path) -> str | None:
    result = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"error": "its process died"}
    if result.get("error"):
        raise WorkflowException(f"FAILED: notebook {path}: {result['error']}")
    value = result.get("result")
    return None if value is None else str(value)
