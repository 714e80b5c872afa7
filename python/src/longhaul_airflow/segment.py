"""What goes to a child process and what comes back: one segment of an Airflow task. Plain data, pickled over a pipe.

A segment is a stretch of the operator's own code between two waits: `execute`, the `resume` after a trigger, a `hook`
call, or the `kill` of what a deferred task left behind.
"""

from typing import Any, Literal, NotRequired, TypedDict

from longhaul_airflow.wire import HookSpec, Json, JsonObject, LogLink, OperatorSpec, TaskContext, TriggerSpec

SegmentKind = Literal["execute", "resume", "hook", "kill"]

# Why a segment whose process was lost may be run again; None: it may not, its outcome stays unknown.
#   token     the provider gives back the same job for the same idempotency token
#   state     Airflow's task state store names the job, the operator attaches to it
#   readOnly  a sensor, or an operator without effects
Repeatable = Literal["token", "state", "readOnly"] | None


class SegmentJob(TypedDict):
    """Everything a child needs; secrets are resolved in here, so it is never logged nor kept."""

    kind: SegmentKind
    operator: NotRequired[OperatorSpec]
    hook: NotRequired[HookSpec]
    task: TaskContext
    token: str
    # By connection id: Airflow's own fields (conn_type, host, schema, login, password, port, extra), values resolved.
    connections: dict[str, JsonObject]
    variables: dict[str, Json]
    # Every value behind a `{ "$secret": … }` reference, wherever it stands: masked whatever its field is called.
    secretValues: NotRequired[list[str]]
    # XComs this task pushed in earlier segments.
    xcoms: JsonObject
    taskState: JsonObject
    # `execute` of a sensor that was rescheduled: start of its first poke, epoch milliseconds.
    firstStartedAt: NotRequired[int]
    # `resume`
    nextMethod: NotRequired[str]
    nextKwargs: NotRequired[Json]
    event: NotRequired[Json]
    # `kill`: restored on the operator, because Airflow builds a new one.
    trigger: NotRequired[TriggerSpec]
    operatorState: NotRequired[JsonObject]
    # `kill` where no id of the job is known: with a token the operator is run again and killed as soon as it names its
    # job, so that a submit of unknown outcome is found and stopped.
    fence: NotRequired[bool]
    # `AllowList.to_json()` of the project.
    allowed: JsonObject


SegmentState = Literal[
    "success",
    "skipped",
    "failed",
    "up_for_retry",
    "up_for_reschedule",
    "deferred",
    # of a `kill` segment
    "killed",
    "kill_pending",
    # made by the supervisor: the child died without a word / an earlier try may have run and must not be repeated /
    # the user canceled and `on_kill` ran / … and it did not
    "lost",
    "unknown",
    "canceled",
    "cancel_failed",
]


class SegmentError(TypedDict):
    type: str
    message: str


class Deferral(TypedDict):
    classpath: str
    kwargs: Json
    nextMethod: str
    nextKwargs: Json
    # The shorter of the deferral's own time-out and what is left of `execution_timeout`.
    timeoutMs: NotRequired[int]


class SegmentResult(TypedDict):
    """How a segment ended. `secrets` are values Airflow masks: used to protect the rest, then dropped by the parent."""

    state: SegmentState
    error: NotRequired[SegmentError]
    # Refused by our own rules (allow-list, unsupported, secret): one of our codes, for `error`.
    code: NotRequired[str]
    # Pushed in this segment; `return_value` under its own name. Operator links are in `links`, not here.
    xcoms: JsonObject
    links: list[LogLink]
    # JSON scalars that the operator's code changed on itself (`{"run_id": 1001}`).
    operatorState: JsonObject
    taskState: JsonObject
    deferral: NotRequired[Deferral]
    # Epoch milliseconds.
    rescheduleAt: NotRequired[int]
    # start of this poke when it was the first
    firstStartedAt: NotRequired[int]
    retryDelayMs: NotRequired[int]
    # Of `killed`/`canceled`: what ran and what it said.
    killedBy: NotRequired[str]
    repeatable: NotRequired[Repeatable]
    # Messages of Airflow's runner that nobody here understands: the self-test wants none.
    unknownMessages: list[str]
    secrets: list[str]


def empty_result(state: SegmentState) -> SegmentResult:
    return {
        "state": state,
        "xcoms": {},
        "links": [],
        "operatorState": {},
        "taskState": {},
        "unknownMessages": [],
        "secrets": [],
    }


class TriggerSurroundings(TypedDict):
    """What a trigger may look up while it waits: the task's own connections and variables, values resolved."""

    task: TaskContext
    connections: dict[str, JsonObject]
    variables: dict[str, Json]
    allowed: JsonObject
    # Where its task's log is.
    logPath: NotRequired[str]


class TriggerJob(TriggerSurroundings):
    """Everything a wait needs; secrets are resolved in here, so it is never logged nor kept."""

    trigger: TriggerSpec
    token: str


class TriggerOutcome(TypedDict):
    """How a wait ended: `event` resumes the task, `end` ends it without, `fail` and `timeout` resume it as failed."""

    kind: Literal["event", "end", "fail", "timeout"]
    event: NotRequired[Json]
    state: NotRequired[str]
    xcoms: NotRequired[JsonObject]
    traceback: NotRequired[list[str]]
    # Values Airflow masks, as in SegmentResult.
    secrets: list[str]


# child → parent, while the segment runs: (kind, data)
#   ("begun", Repeatable)          built, nothing of the user's code has run; the child waits for "go"
#   ("secrets", [..])              before any data that could hold them
#   ("taskState", {..}) · ("operatorState", {..}) · ("xcom", {key: value})
#   ("onKill", {"ok": bool, "by": str, "confirmed": bool?, "error": str?, "operatorState": {..}})
#                                  confirmed: the end of the remote job was seen; false: a `kill` segment goes on
#   ("result", SegmentResult) · ("crash", SegmentError)
UpdateKind = Literal["begun", "secrets", "taskState", "operatorState", "xcom", "onKill", "result", "crash"]
Update = tuple[UpdateKind, Any]
