"""What tasks of a project may name: operators, hooks, callables, connections, variables. Pure; nothing is imported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

from longhaul_airflow.errors import LonghaulError, refused
from longhaul_airflow.wire import Json, JsonObject

# Run whatever a task says, by design: off unless the operator of this worker says otherwise.
SHELL_LIKE = frozenset(
    {
        "BashOperator",
        "BashSensor",
        "PythonOperator",
        "PythonSensor",
        "BranchPythonOperator",
        "ShortCircuitOperator",
        "PythonVirtualenvOperator",
        "ExternalPythonOperator",
        "BranchPythonVirtualenvOperator",
        "BranchExternalPythonOperator",
        "SSHOperator",
        "SSHRemoteJobOperator",
        "DockerOperator",
    }
)
# Live in a DAG: refused in words, each with what it would need.
_DAG_NEEDS = {
    "ExternalTaskSensor": "the state of tasks in another DAG",
    "ExternalTaskMarker": "a DAG whose tasks are cleared together",
    "TriggerDagRunOperator": "a DAG to start",
    "SubDagOperator": "a DAG inside a DAG",
    "DatabricksWorkflowTaskGroup": "a task group of a DAG",
    "_CreateDatabricksWorkflowOperator": "a task group of a DAG",
    "LatestOnlyOperator": "the schedule of a DAG",
    "MappedOperator": "a DAG that expands one task into many",
    "DecoratedMappedOperator": "a DAG that expands one task into many",
}
NEEDS_DAG = frozenset(_DAG_NEEDS)


@dataclass(frozen=True)
class AllowList:
    """Patterns are dotted paths; a trailing `*` covers everything that begins so."""

    operators: tuple[str, ...] = ("airflow.providers.*", "airflow.operators.*", "airflow.sensors.*")
    triggers: tuple[str, ...] = ("airflow.providers.*", "airflow.triggers.*")
    # `package.module.Hook.method`
    hooks: tuple[str, ...] = ()
    # `package.module:function` or `package.module.function`
    callables: tuple[str, ...] = ()
    connections: tuple[str, ...] = ("*",)
    variables: tuple[str, ...] = ("*",)
    shell_operators: bool = False

    def check_operator(self, module: str, name: str) -> None:
        """@raises LonghaulError PERMISSION_DENIED or UNSUPPORTED, naming the class."""
        path = f"{module}.{name}"
        _require(_is_path(module) and _is_class_name(name), f"operator {path}", _NAME_ADVICE)
        _require(_covers(self.operators, path), f"operator {path}", _advice("operators", path))
        self.check_bases(path, (name,))

    def check_bases(self, path: str, class_names: Iterable[str]) -> None:
        """A class is what its bases are: to be asked again with the names of all of them, once it is imported."""
        names = tuple(class_names)
        needing = next((name for name in names if name in NEEDS_DAG), None)
        if needing is not None:
            raise unsupported(f"operator {path}", _DAG_NEEDS[needing])
        shell = next((name for name in names if name in SHELL_LIKE), None)
        if shell is not None and not self.shell_operators:
            raise refused(f"operator {path}", _shell_advice(path, shell))

    def check_trigger(self, classpath: str) -> None:
        """Also what comes back from a task's history: it may name no class that was not allowed in the first place."""
        _require(_is_path(classpath), f"trigger {classpath}", _NAME_ADVICE)
        _require(_covers(self.triggers, classpath), f"trigger {classpath}", _advice("triggers", classpath))

    def check_hook(self, module: str, name: str, method: str) -> None:
        path = f"{module}.{name}.{method}"
        named = _is_path(module) and _is_class_name(name) and method.isidentifier() and not method.startswith("_")
        _require(named, f"hook method {path}", _NAME_ADVICE)
        _require(_covers(self.hooks, path), f"hook method {path}", _advice("hooks", path))

    def check_callable(self, path: str) -> None:
        """`path` is `package.module:function`."""
        module, _, function = path.partition(":")
        named = _is_path(module) and function.isidentifier() and not function.startswith("_")
        _require(named, f"callable {path}", "Write it as package.module:function.")
        patterns = tuple(pattern.replace(":", ".") for pattern in self.callables)
        _require(_covers(patterns, f"{module}.{function}"), f"callable {path}", _advice("callables", path))

    def check_connection(self, connection_id: str) -> None:
        what = f"connection {connection_id}"
        _require(_covers(self.connections, connection_id), what, _advice("connections", connection_id))

    def check_variable(self, name: str) -> None:
        _require(_covers(self.variables, name), f"variable {name}", _advice("variables", name))

    def to_json(self) -> JsonObject:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @staticmethod
    def from_json(value: JsonObject) -> AllowList:
        """@raises LonghaulError CONFIG for what is not an allow-list: a typing error must not open anything."""
        known = {field.name for field in fields(AllowList)}
        unknown = sorted(set(value) - known)
        if unknown:
            raise LonghaulError(
                "CONFIG", f"allow-list: unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}"
            )
        read: JsonObject = {key: _field_from_json(key, entry) for key, entry in value.items()}
        return AllowList(**read)


def unsupported(what: str, needs: str) -> LonghaulError:
    """Something that only a DAG can give."""
    return LonghaulError(
        "UNSUPPORTED",
        f"{what} needs {needs}; a task here runs outside any DAG",
        advice="Express the dependency in the caller (a Flyte or Temporal workflow), or run this one in Airflow.",
    )


_NAME_ADVICE = "Name a public class by its full dotted path."


def _require(allowed: bool, what: str, advice: str) -> None:
    if not allowed:
        raise refused(what, advice)


def _advice(field: str, path: str) -> str:
    return f"Ask the operator of the worker to add {path!r} (or a pattern that ends in *) to `{field}` of the project."


def _shell_advice(path: str, shell: str) -> str:
    because = "" if path.endswith(f".{shell}") else f" ({path} is a {shell})"
    return (
        f"It runs whatever a task says{because}: the operator of the worker must set `shell_operators` for the project."
    )


def _covers(patterns: Iterable[str], path: str) -> bool:
    return any(path.startswith(p[:-1]) if p.endswith("*") else path == p for p in patterns)


def _is_path(path: str) -> bool:
    """Dotted identifiers; nothing with a double underscore in front, the way to Python's own machinery."""
    return all(part.isidentifier() and not part.startswith("__") for part in path.split("."))


def _is_class_name(name: str) -> bool:
    return name.isidentifier() and not name.startswith("__")


def _field_from_json(key: str, value: Json) -> tuple[str, ...] | bool:
    if key == "shell_operators":
        if not isinstance(value, bool):
            raise LonghaulError("CONFIG", f"allow-list: {key} must be true or false (got {value!r})")
        return value
    if not isinstance(value, list | tuple) or not all(isinstance(entry, str) and entry for entry in value):
        raise LonghaulError("CONFIG", f"allow-list: {key} must be a list of patterns (got {value!r})")
    return tuple(value)
