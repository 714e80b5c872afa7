"""Airflow's only secrets backend here: the task's own connections and variables, then those of the worker.

It is the only one so that the project's allow-list also covers the worker's environment (`AIRFLOW_CONN_*`) and the
secrets backend its operator configured; both are asked through here.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.wire import Json, JsonObject, TaskContext

_log = logging.getLogger("airflow.task.longhaul")


@dataclass
class Scope:
    """What one task may look up. `given` and `denied` record what it asked for beyond its own."""

    task: TaskContext
    connections: dict[str, JsonObject]
    variables: dict[str, Json]
    allowed: AllowList
    given: list[Foreign] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)


# A worker process waits for the triggers of many tasks at once; a child has one task, whatever thread asks.
_current: ContextVar[Scope | None] = ContextVar("longhaul_airflow_scope", default=None)
_process_scope: list[Scope] = []


def enter_process_scope(scope: Scope) -> None:
    """Of a child: threads that an operator starts do not inherit context variables."""
    _process_scope[:] = [scope]


def leave_process_scope() -> None:
    _process_scope.clear()


@contextmanager
def scoped(scope: Scope) -> Iterator[None]:
    token = _current.set(scope)
    try:
        yield
    finally:
        _current.reset(token)


def current_scope() -> Scope | None:
    return _current.get() or (_process_scope[0] if _process_scope else None)


class TaskSecrets:
    """Airflow's `BaseSecretsBackend`, by its methods; without a scope it knows nothing."""

    def __init__(self, make_connection: Callable[[str, JsonObject], Foreign], chain: Sequence[Foreign]) -> None:
        self._make_connection = make_connection
        self._chain = chain

    def get_connection(self, conn_id: str, **_: Foreign) -> Foreign:
        scope = current_scope()
        if scope is None or not _may(scope, lambda: scope.allowed.check_connection(conn_id), f"connection {conn_id}"):
            return None
        if conn_id in scope.connections:
            return self._make_connection(conn_id, scope.connections[conn_id])
        found = self._ask("get_connection", conn_id=conn_id)
        if found is not None:
            scope.given.append(found)
        return found

    async def aget_connection(self, conn_id: str, **_: Foreign) -> Foreign:
        """The worker's own backends may block: never on the loop that all triggers share."""
        scope = current_scope()
        if scope is not None and conn_id in scope.connections:
            return self.get_connection(conn_id)
        return await asyncio.to_thread(self.get_connection, conn_id)

    def get_variable(self, key: str, **_: Foreign) -> str | None:
        scope = current_scope()
        if scope is None or not _may(scope, lambda: scope.allowed.check_variable(key), f"variable {key}"):
            return None
        if key in scope.variables:
            value = scope.variables[key]
            return value if isinstance(value, str) else json.dumps(value)
        found: str | None = self._ask("get_variable", key=key)
        return found

    def get_config(self, key: str) -> str | None:
        return None

    def get_conn_value(self, conn_id: str, **_: Foreign) -> str | None:
        return None

    def _set_connection_class(self, _connection_class: Foreign) -> None:
        """Airflow's hook for backends that parse URIs; ours makes the connection itself."""

    def _ask(self, method: str, **wanted: str) -> Foreign:
        for backend in self._chain:
            found = getattr(backend, method)(**wanted)
            if found is not None:
                return found
        return None


def connection_fields(fields: JsonObject) -> JsonObject:
    """Airflow's own names; `extra` as the text Airflow keeps."""
    known = {key: fields.get(key) for key in ("conn_type", "host", "schema", "login", "password", "port", "extra")}
    extra = known["extra"]
    return known | {"extra": extra if extra is None or isinstance(extra, str) else json.dumps(extra)}


def _may(scope: Scope, check: Callable[[], None], what: str) -> bool:
    try:
        check()
    except LonghaulError as error:
        scope.denied.append(what)
        _log.error("PERMISSION_DENIED: %s. %s", error, error.advice or "")
        return False
    return True
