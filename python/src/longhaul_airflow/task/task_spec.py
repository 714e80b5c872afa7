"""What a task asks for: our plain form or Flyte's `task_config_pkl`, read into operator or hook and task context."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from uuid import UUID

from longhaul_airflow.errors import invalid_task
from longhaul_airflow.secrets.task_secrets import find_secret_references
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.task.task_config_pkl import read_task_config_pkl
from longhaul_airflow.task.values import check_values
from longhaul_airflow.wire import HookSpec, Json, JsonObject, OperatorSpec, TaskContext

_COMMON = frozenset({"airflow", "conf", "connections", "dag_id", "logical_date", "data_interval_start"})
_CONTEXT = _COMMON | {"data_interval_end", "params", "retries", "run_id", "task_id", "upstream", "variables"}
_OPERATOR_MEMBERS = _CONTEXT | {"operator", "parameters"}
_HOOK_MEMBERS = _CONTEXT | {"hook", "parameters", "method", "args"}
# Of `BaseOperator`; here they belong to the task.
_OWN_IDS = ("task_id", "dag_id")
_PKL_MEMBERS = frozenset({"task_config_pkl", "airflow_major"})

_ID = re.compile(r"[A-Za-z0-9_.-]{1,250}")
# Airflow's own ids of runs have times in them.
_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]{1,250}")
_RETRIES_LIMIT = 100
_OUR_TOKEN = re.compile(r"lh-([0-9a-f-]{36})-([1-9][0-9]{0,5})")
_UUID_WITH_TIME = 7


@dataclass(frozen=True)
class Creation:
    """What surrounds a `create`. Times in epoch milliseconds."""

    request: JsonObject
    workflow_id: str
    # When this `create` was first scheduled: the same in each of its tries.
    scheduled_at_ms: int
    airflow_major: int
    allowed: AllowList


@dataclass(frozen=True)
class TaskSpec:
    """Either an operator or a hook, and what Airflow knows of the task instance."""

    work: OperatorSpec | HookSpec
    task: TaskContext

    @property
    def is_hook(self) -> bool:
        return "method" in self.work


def parse_task_spec(creation: Creation) -> TaskSpec:
    """Pure: nothing is imported, nothing started.

    @raises LonghaulError INVALID_TASK naming the field, PERMISSION_DENIED or UNSUPPORTED naming what is refused.
    """
    custom = creation.request["template"].get("custom", {})
    if "task_config_pkl" in custom:
        custom, work = _from_pkl(custom, creation)
    else:
        work = _from_plain(custom, creation)
    own_ids: JsonObject = {key: work["parameters"].pop(key) for key in _OWN_IDS if key in work["parameters"]}
    _refuse_dag(work["parameters"])
    task = _task_context({**own_ids, **custom}, work, creation)
    check_values(work["parameters"], creation.allowed)
    check_values(work.get("args", {}), creation.allowed, "args")
    _check_names(task, creation.allowed)
    return TaskSpec(work, task)


def _from_pkl(custom: JsonObject, creation: Creation) -> tuple[JsonObject, OperatorSpec]:
    _refuse_unknown(custom, _PKL_MEMBERS)
    _check_major("airflow_major", custom.get("airflow_major"), creation.airflow_major)
    operator = read_task_config_pkl(custom["task_config_pkl"], creation.allowed)
    parameters = {key: value for key, value in operator["parameters"].items() if key != "dag"}
    # Flyte's connector does the same: an operator that can defer should not hold a process while it waits.
    if "deferrable" not in parameters and not operator["name"].endswith("Sensor"):
        parameters["deferrable"] = True
    return {}, {**operator, "parameters": parameters}


def _from_plain(custom: JsonObject, creation: Creation) -> OperatorSpec | HookSpec:
    if ("operator" in custom) == ("hook" in custom):
        raise invalid_task("operator", "a task names one operator, one hook, or a task_config_pkl")
    is_hook = "hook" in custom
    _refuse_unknown(custom, _HOOK_MEMBERS if is_hook else _OPERATOR_MEMBERS)
    _check_major("airflow", custom.get("airflow"), creation.airflow_major)
    return _hook(custom, creation.allowed) if is_hook else _operator(custom, creation.allowed)


def _operator(custom: JsonObject, allowed: AllowList) -> OperatorSpec:
    module, name = _class_path("operator", custom["operator"])
    allowed.check_operator(module, name)
    parameters = {**_object("parameters", custom.get("parameters"))}
    if "retries" in custom:
        parameters["retries"] = _retries("retries", custom["retries"])
    return {"module": module, "name": name, "parameters": parameters}


def _hook(custom: JsonObject, allowed: AllowList) -> HookSpec:
    module, name = _class_path("hook", custom["hook"])
    method = custom.get("method")
    if not isinstance(method, str):
        raise invalid_task("method", "must name a method of the hook", method)
    allowed.check_hook(module, name, method)
    parameters = {**_object("parameters", custom.get("parameters"))}
    return {
        "module": module,
        "name": name,
        "parameters": parameters,
        "method": method,
        "args": _object("args", custom.get("args")),
    }


def _class_path(field: str, value: Json) -> tuple[str, str]:
    module, _, name = value.rpartition(".") if isinstance(value, str) else ("", "", "")
    if not module:
        raise invalid_task(field, "must be the full dotted path of a class", value)
    return module, name


def _refuse_unknown(custom: JsonObject, known: frozenset[str]) -> None:
    for key in custom:
        if key not in known:
            raise invalid_task(str(key), f"is not known (known: {', '.join(sorted(known))})")


def _refuse_dag(parameters: JsonObject) -> None:
    if "dag" in parameters:
        raise invalid_task("parameters.dag", "cannot be given: a task here runs outside any DAG")


def _check_major(field: str, value: Json, major: int) -> None:
    if value is None or (value == major and not isinstance(value, bool)):
        return
    raise invalid_task(field, f"this task queue is served by Airflow {major}", value)


def _task_context(custom: JsonObject, work: OperatorSpec | HookSpec, creation: Creation) -> TaskContext:
    template = creation.request["template"]
    name = template.get("name")
    inputs = creation.request.get("inputs")
    by_name = inputs if isinstance(inputs, dict) else {}
    context: TaskContext = {
        "dagId": _id("dag_id", custom.get("dag_id"), name or template["type"], _ID),
        "taskId": _id("task_id", custom.get("task_id"), name or work["name"], _ID),
        "runId": _id("run_id", custom.get("run_id"), creation.workflow_id, _RUN_ID),
        "tryNumber": try_number_of(creation.request["idempotencyToken"]),
        "retries": _retries("retries", work["parameters"].get("retries", custom.get("retries", 0))),
        "startedAt": creation.scheduled_at_ms,
        "logicalDate": _date("logical_date", custom.get("logical_date")) or _iso(_first_attempt_at_ms(creation)),
        "conf": _object("conf", custom.get("conf")),
        "params": {**by_name, **_object("params", custom.get("params"))},
        "upstream": {**_upstream_of(inputs), **_objects("upstream", custom.get("upstream"))},
        "connections": _objects("connections", custom.get("connections")),
        "variables": _object("variables", custom.get("variables")),
    }
    start = _date("data_interval_start", custom.get("data_interval_start"))
    if start is not None:
        context["dataIntervalStart"] = start
    end = _date("data_interval_end", custom.get("data_interval_end"))
    if end is not None:
        context["dataIntervalEnd"] = end
    project = (creation.request.get("taskExecution") or {}).get("project")
    if project:
        context["project"] = project
    return context


def _upstream_of(inputs: Json) -> dict[str, JsonObject]:
    """The inputs as XComs of a task `inputs`: `xcom_pull(task_ids="inputs", key="day")`."""
    if inputs is None:
        return {}
    return {"inputs": inputs if isinstance(inputs, dict) else {"return_value": inputs}}


def _check_names(task: TaskContext, allowed: AllowList) -> None:
    for connection in task["connections"]:
        allowed.check_connection(connection)
    for variable in task["variables"]:
        allowed.check_variable(variable)
    for member in ("params", "upstream", "conf"):
        for field, _ in find_secret_references(task[member], member):
            raise invalid_task(field, "a secret may stand in connections, variables, parameters and args only")


def try_number_of(token: str) -> int:
    """Airflow's number of the try is ours of the attempt: `lh-<run id>-<attempt>`."""
    match = _OUR_TOKEN.fullmatch(token)
    return 1 if match is None else int(match[2])


def _first_attempt_at_ms(creation: Creation) -> int:
    """When the task began, the same in each try of each attempt: a template's `{{ ds }}` must not move with a retry.

    An activity is not told when its workflow started. The token holds the id of the workflow's first run, and Temporal
    makes those of a time (UUID version 7). Where it does not, the time this attempt was scheduled has to do.
    """
    match = _OUR_TOKEN.fullmatch(creation.request["idempotencyToken"])
    try:
        run_id = UUID(match[1]) if match else None
    except ValueError:
        run_id = None
    if run_id is None or run_id.version != _UUID_WITH_TIME:
        return creation.scheduled_at_ms
    return min(run_id.int >> 80, creation.scheduled_at_ms)


def _iso(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC).isoformat(timespec="milliseconds")


def _id(field: str, given: Json, default: str, pattern: re.Pattern[str]) -> str:
    if given is None:
        known = pattern.pattern.partition("]")[0] + "]"
        return "".join(letter if re.fullmatch(known, letter) else "_" for letter in default)[:250] or "_"
    if isinstance(given, str) and pattern.fullmatch(given):
        return given
    raise invalid_task(field, "must be 1 to 250 letters, digits, _, - or .", given)


def _retries(field: str, value: Json) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _RETRIES_LIMIT:
        return value
    raise invalid_task(field, f"must be a number from 0 to {_RETRIES_LIMIT}", value)


def _date(field: str, value: Json) -> str | None:
    """Airflow takes a time without a zone for UTC."""
    if value is None:
        return None
    try:
        at = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise invalid_task(field, "must be a date or time in ISO 8601", value) from None
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).isoformat()


def _object(field: str, value: Json) -> JsonObject:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid_task(field, "must be an object", value)
    return value


def _objects(field: str, value: Json) -> dict[str, JsonObject]:
    return {key: _object(f"{field}.{key}", item) for key, item in _object(field, value).items()}


def parse_create_request(value: object) -> JsonObject:
    """The members of a CreateRequest that are read here. @raises LonghaulError INVALID_TASK naming the field."""
    if not isinstance(value, dict):
        raise invalid_task("request", "must be an object", value)
    template = value.get("template")
    if not isinstance(template, dict) or not isinstance(template.get("type"), str):
        raise invalid_task("request.template", "must be an object with a type", template)
    if not isinstance(template.get("custom", {}), dict):
        raise invalid_task("request.template.custom", "must be an object", template.get("custom"))
    token = value.get("idempotencyToken")
    if not isinstance(token, str) or not token:
        raise invalid_task("request.idempotencyToken", "must be text", token)
    execution = value.get("taskExecution")
    if execution is not None and not isinstance(execution, dict):
        raise invalid_task("request.taskExecution", "must be an object", execution)
    return value
