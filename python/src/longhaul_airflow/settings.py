"""Everything the worker reads from its environment and its flags, read once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from longhaul_airflow.errors import LonghaulError

Environment = Mapping[str, str]
T = TypeVar("T")

_SIZE = re.compile(r"^(\d+(?:\.\d+)?)([kmgt]?)i?b?$", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
# Imported by the fork server, so that their children need not: those that come with the shipped requirements.
_DEFAULT_PRELOAD = (
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.bash",
    "airflow.providers.standard.operators.python",
    "airflow.providers.standard.sensors.filesystem",
    "airflow.providers.standard.sensors.date_time",
    "airflow.providers.standard.sensors.time_delta",
)
_DEFAULT_PRELOAD_IF_INSTALLED = (
    "airflow.providers.databricks.operators.databricks",
    "airflow.providers.http.operators.http",
)


@dataclass(frozen=True)
class Slots:
    """How much runs at once in one worker. A segment is a process; a trigger is a coroutine of some 84 KB."""

    operators: int = 8
    pokes: int = 4
    triggers: int = 5000
    control: int = 20


@dataclass(frozen=True)
class ChildLimits:
    """Of each process of a segment, not of all together: that is the container's part."""

    memory_bytes: int | None = None
    cpu_seconds: int | None = None
    files: int | None = None


@dataclass(frozen=True)
class Options:
    """The command line's part; what is None is left to the environment."""

    task_queue: str | None = None
    allow_file: str | None = None
    shell_operators: bool = False


@dataclass(frozen=True)
class Settings:
    """How this worker runs. Holds no secrets, so it may be shown."""

    major: int
    task_queue: str
    slots: Slots
    home: Path
    logs_folder: Path
    allow_file: Path | None
    shell_operators: bool
    kill_grace_s: float
    shutdown_grace_s: float
    limits: ChildLimits
    # Each must import; those of the second tuple only where they are installed.
    preload: tuple[str, ...]
    preload_if_installed: tuple[str, ...]
    # Names of variables that children get beside the usual ones; a trailing `*` covers everything that begins so.
    child_environment: tuple[str, ...]
    secrets_allow: tuple[str, ...]
    sealing_keys_file: Path | None


def parse_settings(env: Environment, options: Options, major: int) -> Settings:
    """A variable set to nothing counts as not set; flags win over variables.

    The shutdown grace defaults to 60 s: only segments that must not be repeated use it, and most Bash and HTTP calls
    end within it. It has to stay below what the supervisor of this process grants (Kubernetes and Compose: say so
    there), or the kernel ends the worker first.

    @raises LonghaulError CONFIG naming the variable, its value and what it may be.
    """
    read = _Reader(env)
    home = read.path("LONGHAUL_HOME") or read.user_home() / ".longhaul"
    return Settings(
        major=major,
        task_queue=options.task_queue or read.queue("LONGHAUL_AIRFLOW_TASK_QUEUE") or f"airflow{major}",
        slots=_slots(read),
        home=home,
        logs_folder=read.path("LONGHAUL_AIRFLOW_LOGS") or home / "airflow-logs",
        allow_file=read.expand(options.allow_file) or read.path("LONGHAUL_AIRFLOW_ALLOW_FILE"),
        shell_operators=options.shell_operators,
        kill_grace_s=read.seconds("LONGHAUL_AIRFLOW_KILL_GRACE", 30.0),
        shutdown_grace_s=read.seconds("LONGHAUL_AIRFLOW_SHUTDOWN_GRACE", 60.0),
        limits=_limits(read),
        preload=read.names("LONGHAUL_AIRFLOW_PRELOAD") or _DEFAULT_PRELOAD,
        preload_if_installed=() if read.text("LONGHAUL_AIRFLOW_PRELOAD") else _DEFAULT_PRELOAD_IF_INSTALLED,
        child_environment=read.patterns("LONGHAUL_AIRFLOW_CHILD_ENV"),
        secrets_allow=read.patterns("LONGHAUL_SECRETS_ALLOW"),
        sealing_keys_file=read.path("LONGHAUL_SEALING_KEYS_FILE"),
    )


def _slots(read: _Reader) -> Slots:
    return Slots(
        operators=read.count("LONGHAUL_AIRFLOW_OPERATORS") or Slots.operators,
        pokes=read.count("LONGHAUL_AIRFLOW_POKES") or Slots.pokes,
        triggers=read.count("LONGHAUL_AIRFLOW_TRIGGERS") or Slots.triggers,
    )


def _limits(read: _Reader) -> ChildLimits:
    return ChildLimits(
        memory_bytes=read.size("LONGHAUL_AIRFLOW_CHILD_MEMORY"),
        cpu_seconds=read.count("LONGHAUL_AIRFLOW_CHILD_CPU"),
        files=read.count("LONGHAUL_AIRFLOW_CHILD_FILES"),
    )


class _Reader:
    """One place for the words of every complaint."""

    def __init__(self, env: Environment) -> None:
        self._env = env

    def text(self, name: str) -> str | None:
        return self._env.get(name, "").strip() or None

    def user_home(self) -> Path:
        return Path(self.text("HOME") or Path.home())

    def path(self, name: str) -> Path | None:
        return self.expand(self.text(name))

    def expand(self, given: str | None) -> Path | None:
        if given is None:
            return None
        if given == "~" or given.startswith("~/"):
            return self.user_home() / given[2:]
        return Path(os.path.abspath(given))

    def count(self, name: str) -> int | None:
        return self._read(name, _positive, "must be a whole number of at least 1")

    def seconds(self, name: str, default: float) -> float:
        given = self._read(name, _not_negative, "must be a number of seconds, 0 or more")
        return default if given is None else given

    def size(self, name: str) -> int | None:
        return self._read(name, _bytes, "must be a size such as 512m or 2g, at least 256m")

    def queue(self, name: str) -> str | None:
        return self._read(name, _queue_name, "must be a name without ':', which separates our suffixes")

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in (self.text(name) or "").split(",") if part.strip())

    def patterns(self, name: str) -> tuple[str, ...]:
        for pattern in self.names(name):
            if "*" in pattern[:-1]:
                raise bad_variable(name, pattern, "may hold * only at the end")
        return self.names(name)

    def _read(self, name: str, parse: Callable[[str], T], expected: str) -> T | None:
        given = self.text(name)
        if given is None:
            return None
        try:
            return parse(given)
        except ValueError:
            raise bad_variable(name, given, expected) from None


def bad_variable(name: str, value: str, reason: str) -> LonghaulError:
    return LonghaulError("CONFIG", f"{name}={value}: {reason}", field=name, advice=f"Set or unset {name}.")


def _positive(given: str) -> int:
    value = int(given)
    if value < 1:
        raise ValueError(given)
    return value


def _not_negative(given: str) -> float:
    value = float(given)
    if not 0 <= value < float("inf"):
        raise ValueError(given)
    return value


def _bytes(given: str) -> int:
    """A child begins with some 120 MiB of Airflow: with much less than this, segments would only look lost."""
    match = _SIZE.match(given)
    if match is None:
        raise ValueError(given)
    value = int(float(match[1]) * _SIZE_UNITS[match[2].lower()])
    if value < 2**28:
        raise ValueError(given)
    return value


def _queue_name(given: str) -> str:
    if ":" in given:
        raise ValueError(given)
    return given
