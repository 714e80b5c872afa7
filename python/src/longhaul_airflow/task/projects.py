"""The operator's file of allow-lists, one for each project: TOML, read again when it changes.

    [default]
    operators = ["airflow.providers.*"]
    [projects.etl]
    shell_operators = true

What a project leaves out is that of `[default]`; what that leaves out is the worker's own default.
"""

from __future__ import annotations

import logging
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.secrets.sealing import stamp_of
from longhaul_airflow.task.allow_list import AllowList

_LOGGER = logging.getLogger(__name__)
_MEMBERS = tuple(each.name for each in fields(AllowList))


@dataclass(frozen=True)
class AllowLists:
    """What one state of the file says."""

    default: AllowList = field(default_factory=AllowList)
    projects: dict[str, AllowList] = field(default_factory=dict)

    def allowed_for(self, project: str | None) -> AllowList:
        return self.default if project is None else self.projects.get(project, self.default)


class Projects:
    """Follows the file. A new one that is broken leaves the one before in use: half a list must not close a worker."""

    def __init__(self, file: Path | None, base: AllowList | None = None) -> None:
        """@raises LonghaulError CONFIG naming file and member: said at the start, not with the first task."""
        self._file = file
        self._base = base or AllowList()
        self._stamp = None if file is None else stamp_of(file)
        self._lists = AllowLists(self._base) if file is None else read_allow_lists(file, self._base)

    def allowed_for(self, project: str | None) -> AllowList:
        self._renew()
        return self._lists.allowed_for(project)

    def _renew(self) -> None:
        if self._file is None:
            return
        # Before the file is read: a change in between is seen as one at the next use.
        stamp = stamp_of(self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._lists = read_allow_lists(self._file, self._base)
        except LonghaulError as error:
            _LOGGER.warning("%s The allow-lists read before stay in use.", error)


def read_allow_lists(file: Path, base: AllowList) -> AllowLists:
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise _config(f"The file of allow-lists {file} cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _config(f"The file of allow-lists {file} is not TOML: {error}.") from None
    return parse_allow_lists(document, file, base)


def parse_allow_lists(document: dict[str, Any], file: Path, base: AllowList) -> AllowLists:
    """@raises LonghaulError CONFIG: a misspelled member would open or close something silently."""
    for name in document:
        if name not in ("default", "projects"):
            raise _config(f"{file}: {name} is not known (known: default, projects).", name)
    default = _parse_list(document.get("default", {}), f"{file}: default", base)
    projects = document.get("projects", {})
    if not isinstance(projects, dict):
        raise _config(f"{file}: projects must hold a table for each project.", "projects")
    parsed = {name: _parse_list(value, f"{file}: projects.{name}", default) for name, value in projects.items()}
    return AllowLists(default, parsed)


def _parse_list(value: object, where: str, base: AllowList) -> AllowList:
    if not isinstance(value, dict):
        raise _config(f"{where} must be a table.")
    members: dict[str, Any] = {}
    for name, given in value.items():
        if name not in _MEMBERS:
            raise _config(f"{where}.{name} is not known (known: {', '.join(_MEMBERS)}).", name)
        members[name] = _parse_member(f"{where}.{name}", given, isinstance(getattr(base, name), bool))
    kept = {name: getattr(base, name) for name in _MEMBERS if name not in members}
    return AllowList(**kept, **members)


def _parse_member(where: str, given: object, is_switch: bool) -> bool | tuple[str, ...]:
    if is_switch:
        if isinstance(given, bool):
            return given
        raise _config(f"{where} must be true or false (got {given!r}).")
    if not isinstance(given, list) or not all(isinstance(item, str) and item for item in given):
        raise _config(f"{where} must be a list of patterns (got {given!r}).")
    crooked = next((item for item in given if "*" in item[:-1]), None)
    if crooked is not None:
        raise _config(f"{where} may hold * only at the end (got {crooked!r}).")
    return tuple(given)


def _config(message: str, name: str | None = None) -> LonghaulError:
    return LonghaulError("CONFIG", message, field=name, advice="Mend the file that LONGHAUL_AIRFLOW_ALLOW_FILE names.")
