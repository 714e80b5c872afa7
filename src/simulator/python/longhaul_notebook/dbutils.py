"""The small `dbutils` of the simulated workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from .widgets import Widgets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .redaction import Redactor

    RunNotebook = Callable[[str, float, dict[str, str]], str | None]

MAX_TASK_VALUE_BYTES = 48 * 1024


class NotebookExit(Exception):
    """
    Ends the notebook in success. It is an ordinary exception, as in Databricks: `except Exception` around
    `dbutils.notebook.exit` swallows the exit.
    """

    def __init__(self, value: object) -> None:
        self.value = str(value)
        super().__init__(self.value)


class IllegalArgumentException(Exception):
    """As Databricks names it."""


class Notebook:
    """`dbutils.notebook`"""

    def __init__(self, run: RunNotebook) -> None:
        self._run = run

    def exit(self, value: object) -> NoReturn:
        raise NotebookExit(value)

    def run(self, path: str, timeout_seconds: float = 0, arguments: dict[str, Any] | None = None) -> str | None:
        """Runs another notebook in a process of its own. Zero is no time-out."""
        return self._run(path, timeout_seconds, {key: str(value) for key, value in (arguments or {}).items()})


@dataclass(frozen=True)
class SecretMetadata:
    key: str


@dataclass(frozen=True)
class SecretScope:
    name: str


class Secrets:
    """`dbutils.secrets`, out of the workspace's file of secrets; read at each call."""

    def __init__(self, file: Path, redactor: Redactor) -> None:
        self._file = file
        self._redactor = redactor

    def get(self, scope: str, key: str) -> str:
        value = self._scopes().get(scope, {}).get(key)
        if value is None:
            raise IllegalArgumentException(f"Secret does not exist with scope: {scope} and key: {key}")
        self._redactor.remember(value)
        return value

    def getBytes(self, scope: str, key: str) -> bytes:
        return self.get(scope, key).encode()

    def list(self, scope: str) -> Sequence[SecretMetadata]:
        return [SecretMetadata(key) for key in self._scopes().get(scope, {})]

    def listScopes(self) -> Sequence[SecretScope]:
        return [SecretScope(name) for name in self._scopes()]

    def _scopes(self) -> dict[str, dict[str, str]]:
        try:
            return dict(json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}


class TaskValues:
    """`dbutils.jobs.taskValues`: what a task leaves for those after it."""

    def __init__(self, upstream: dict[str, dict[str, Any]]) -> None:
        self._upstream = upstream
        self.own: dict[str, Any] = {}

    def set(self, key: str, value: Any) -> None:
        if len(json.dumps(value)) > MAX_TASK_VALUE_BYTES:
            raise ValueError(f"The task value {key} has more than 48 KiB as JSON")
        self.own[key] = value

    def get(self, taskKey: str, key: str, default: Any = None, debugValue: Any = None) -> Any:
        values = self._upstream.get(taskKey, {})
        if key not in values and default is None:
            raise ValueError(f"No task value {key} of task {taskKey}")
        return values.get(key, default)


class Jobs:
    """`dbutils.jobs`"""

    def __init__(self, task_values: TaskValues) -> None:
        self.taskValues = task_values


class Dbutils:
    """What is not here fails by name."""

    def __init__(self, widgets: Widgets, notebook: Notebook, secrets: Secrets, task_values: TaskValues) -> None:
        self.widgets = widgets
        self.notebook = notebook
        self.secrets = secrets
        self.jobs = Jobs(task_values)

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"dbutils.{name} is not part of the simulated workspace, which has widgets, notebook, secrets and jobs"
        )
