"""The JSON that crosses Temporal: the activities' contract (`src/connector/activity-contract.ts`) and our meta.

Names are those of the TypeScript side, letter by letter; `test/contract/` holds the schemas for both. Times are epoch
milliseconds, durations milliseconds.
"""

from typing import Any, Literal, NotRequired, TypedDict

Json = Any
JsonObject = dict[str, Any]

ErrorCode = Literal[
    "INVALID_TASK",
    "UNSUPPORTED",
    "CONFIG",
    "SECRET_UNAVAILABLE",
    "PERMISSION_DENIED",
    "NOT_FOUND",
    "RUN_GONE",
    "OUTCOME_UNKNOWN",
    "JOB_FAILED",
    "JOB_CANCELED_EXTERNALLY",
    "CANCELED",
    "PAYLOAD_TOO_LARGE",
    "UNAVAILABLE",
    "INTERNAL",
]

Phase = Literal[
    "UNDEFINED",
    "QUEUED",
    "INITIALIZING",
    "WAITING_FOR_RESOURCES",
    "RUNNING",
    "SUCCEEDED",
    "FAILED",
    "RETRYABLE_FAILED",
    "ABORTED",
]


class OperatorSpec(TypedDict):
    """Flyte's `AirflowObj`: a class and what it is made with. Rich values are tagged, see `task_spec.revive`."""

    module: str
    name: str
    parameters: JsonObject


class HookSpec(OperatorSpec):
    """One method of a hook, called once."""

    method: str
    args: JsonObject


class TriggerSpec(TypedDict):
    """What `BaseTrigger.serialize` gave, in the serialization of its Airflow major."""

    classpath: str
    kwargs: Json
    deadlineAt: NotRequired[int]


class TaskContext(TypedDict):
    """What Airflow knows of a task instance, here from the task itself. Dates are ISO 8601 with a zone."""

    dagId: str
    taskId: str
    runId: str
    tryNumber: int
    retries: int
    startedAt: int
    logicalDate: str
    dataIntervalStart: NotRequired[str]
    dataIntervalEnd: NotRequired[str]
    conf: JsonObject
    params: JsonObject
    upstream: dict[str, JsonObject]
    # References only: a connection's secret fields are `{ "$secret": "env:NAME" }`.
    connections: dict[str, JsonObject]
    variables: dict[str, Json]
    project: NotRequired[str]


class ExecuteStep(TypedDict):
    """Run `execute` of the operator, or the hook's method."""

    kind: Literal["execute"]


class PokeStep(TypedDict):
    """A sensor in reschedule mode: run it again, at this time at the earliest."""

    kind: Literal["poke"]
    firstStartedAt: int
    nextPokeAt: int


class TriggerStep(TypedDict):
    """Wait for the trigger."""

    kind: Literal["trigger"]


class ResumeStep(TypedDict):
    """Call the trigger's callback. `event` is absent after a trigger that failed or timed out."""

    kind: Literal["resume"]
    nextMethod: str
    nextKwargs: Json
    event: NotRequired[Json]


class KillStep(TypedDict):
    """The operator's `on_kill` is still owed."""

    kind: Literal["kill"]
    reason: str
    # Nobody canceled: its process was lost, and what it left running is stopped before the attempt counts as failed.
    after: NotRequired[Literal["lost"]]


class EndedStep(TypedDict):
    kind: Literal["ended"]


Step = ExecuteStep | PokeStep | TriggerStep | ResumeStep | KillStep | EndedStep


class LogLink(TypedDict):
    name: str
    uri: str


class AirflowMetadata(TypedDict):
    """Our resource meta: all that is needed to go on with a task on any worker of the same major. No secret values."""

    version: Literal[1]
    airflowMajor: int
    token: str
    airflowOperator: NotRequired[OperatorSpec]
    airflowHook: NotRequired[HookSpec]
    airflowTrigger: NotRequired[TriggerSpec]
    airflowTriggerCallback: NotRequired[str]
    nextKwargs: NotRequired[Json]
    # The remote job as the operator knows it (`run_id`, `job_id`, …).
    jobId: NotRequired[str]
    task: TaskContext
    step: Step
    operatorState: JsonObject
    taskState: JsonObject
    xcoms: JsonObject
    # Shown until the task ends: a deferred task's links come from the segment before.
    links: NotRequired[list[LogLink]]


class Resource(TypedDict):
    phase: Phase
    message: NotRequired[str]
    logLinks: NotRequired[list[LogLink]]
    outputs: NotRequired[JsonObject]
    customInfo: NotRequired[JsonObject]


class Observation(TypedDict):
    meta: AirflowMetadata
    resource: Resource
    next: JsonObject


class Observed(TypedDict):
    observation: Observation
    externalId: str
