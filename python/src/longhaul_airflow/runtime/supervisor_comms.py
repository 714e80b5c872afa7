"""The supervisor of Airflow 3's task runner, in process: what the runner asks, answered from the task's own data.

Airflow's messages are looked up by name and only when one comes, so that this file imports no Airflow.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.load import Channel
from longhaul_airflow.segment import SegmentJob
from longhaul_airflow.wire import Json, JsonObject

LINK_PREFIX = "_link_"
_FINAL = {"SucceedTask", "DeferTask", "RetryTask", "RescheduleTask", "TaskState", "AwaitInputTask"}
_IGNORED = {"MaskSecret", "SetRenderedFields", "SetRenderedMapIndex", "SkipDownstreamTasks", "ResendLoggingFD"}
# Questions about a DAG, its runs, its other tasks or its assets.
_DAG_WORLD = {
    "TriggerDagRun": "starting a DAG run",
    "GetDagRun": "another DAG run",
    "GetDagRunState": "the state of a DAG run",
    "GetPreviousDagRun": "the previous DAG run",
    "GetPrevSuccessfulDagRun": "the previous successful DAG run",
    "GetPreviousTI": "the previous task instance",
    "GetTICount": "the count of task instances",
    "GetDRCount": "the count of DAG runs",
    "GetTaskBreadcrumbs": "the other tasks of a DAG run",
    "GetDag": "a DAG",
    "GetAssetByName": "an asset",
    "GetAssetByUri": "an asset",
    "GetAssetsByAlias": "assets",
    "GetAssetEventByAsset": "asset events",
    "GetAssetEventByAssetAlias": "asset events",
    "ValidateInletsAndOutlets": "assets",
    "CreateHITLDetailPayload": "a person's answer",
    "UpdateHITLDetail": "a person's answer",
    "GetHITLDetailResponse": "a person's answer",
    "PutVariable": "writing a variable",
    "DeleteVariable": "deleting a variable",
    "GetVariableKeys": "the list of variables",
}


class SegmentComms:
    """One per child. `final` is the runner's verdict; what must outlive the process is sent up at once."""

    def __init__(self, job: SegmentJob, channel: Channel) -> None:
        self._job = job
        self._channel = channel
        self.final: Foreign = None
        self.xcoms: JsonObject = {}
        self.links: dict[str, Json] = {}
        self.task_state: JsonObject = dict(job["taskState"])
        self.unknown: list[str] = []
        self.dag_world: list[str] = []

    async def asend(self, message: Foreign) -> Foreign:
        return self.send(message)

    def send(self, message: Foreign = None, msg: Foreign = None) -> Foreign:
        """Airflow names the argument `msg` in some places."""
        message = message if message is not None else msg
        name = type(message).__name__
        if name in _FINAL:
            self.final = message
            return None
        if name in _IGNORED:
            return None
        answer = _ANSWERS.get(name)
        return answer(self, message) if answer is not None else self._cannot(name)

    def _cannot(self, name: str) -> Foreign:
        needs = _DAG_WORLD.get(name)
        if needs is None:
            self.unknown.append(name)
        else:
            self.dag_world.append(needs)
        words = f"{needs or name} is not available: the task runs outside any Airflow deployment"
        return _error("GENERIC_ERROR", words)

    def _set_xcom(self, message: Foreign) -> None:
        if message.key.startswith(LINK_PREFIX):
            self.links[message.key] = message.value
            return
        self.xcoms[message.key] = message.value
        self._channel.send("xcom", {message.key: message.value})

    def _delete_xcom(self, message: Foreign) -> None:
        self.xcoms.pop(message.key, None)

    def _xcoms_of(self, task_id: str) -> JsonObject:
        if task_id == self._job["task"]["taskId"]:
            return {**self._job["xcoms"], **self.xcoms}
        return self._job["task"]["upstream"].get(task_id, {})

    def _get_xcom(self, message: Foreign) -> Foreign:
        return _comms().XComResult(key=message.key, value=self._xcoms_of(message.task_id).get(message.key))

    def _values(self, message: Foreign) -> Sequence[Json]:
        known = self._xcoms_of(message.task_id)
        return [known[message.key]] if message.key in known else []

    def _get_xcom_slice(self, message: Foreign) -> Foreign:
        return _comms().XComSequenceSliceResult(
            root=list(self._values(message))[message.start : message.stop : message.step]
        )

    def _get_xcom_item(self, message: Foreign) -> Foreign:
        values = self._values(message)
        if not -len(values) <= message.offset < len(values):
            return _error("XCOM_NOT_FOUND", f"no XCom {message.key!r} of {message.task_id}")
        return _comms().XComSequenceIndexResult(root=values[message.offset])

    def _get_xcom_count(self, message: Foreign) -> Foreign:
        return _comms().XComCountResponse(len=len(self._values(message)))

    def _get_state(self, message: Foreign) -> Foreign:
        if message.key not in self.task_state:
            return _error("TASK_STORE_NOT_FOUND", f"nothing is stored as {message.key!r}")
        return _comms().TaskStateStoreResult(value=self.task_state[message.key])

    def _set_state(self, message: Foreign) -> Foreign:
        self.task_state[message.key] = message.value
        return self._state_changed()

    def _delete_state(self, message: Foreign) -> Foreign:
        self.task_state.pop(message.key, None)
        return self._state_changed()

    def _clear_state(self, _message: Foreign) -> Foreign:
        self.task_state.clear()
        return self._state_changed()

    def _state_changed(self) -> Foreign:
        self._channel.send("taskState", dict(self.task_state))
        return _comms().OKResponse(ok=True)

    def _first_poke(self, _message: Foreign) -> Foreign:
        started = self._job.get("firstStartedAt")
        start_date = None if started is None else dt.datetime.fromtimestamp(started / 1000, dt.UTC)
        return _comms().TaskRescheduleStartDate(start_date=start_date)

    def _task_states(self, _message: Foreign) -> Foreign:
        task = self._job["task"]
        return _comms().TaskStatesResult(task_states={task["runId"]: {task["taskId"]: "running"}})

    def _not_here(self, message: Foreign) -> Foreign:
        """Connections and variables were looked up before, by `TaskSecrets`."""
        connection = type(message).__name__ == "GetConnection"
        return _error("CONNECTION_NOT_FOUND" if connection else "VARIABLE_NOT_FOUND", "not defined")


_ANSWERS: dict[str, Callable[[SegmentComms, Foreign], Foreign]] = {
    "SetXCom": SegmentComms._set_xcom,
    "GetXCom": SegmentComms._get_xcom,
    "DeleteXCom": SegmentComms._delete_xcom,
    "GetXComSequenceSlice": SegmentComms._get_xcom_slice,
    "GetXComSequenceItem": SegmentComms._get_xcom_item,
    "GetXComCount": SegmentComms._get_xcom_count,
    "GetTaskStateStore": SegmentComms._get_state,
    "SetTaskStateStore": SegmentComms._set_state,
    "DeleteTaskStateStore": SegmentComms._delete_state,
    "ClearTaskStateStore": SegmentComms._clear_state,
    "GetTaskRescheduleStartDate": SegmentComms._first_poke,
    "GetTaskStates": SegmentComms._task_states,
    "GetConnection": SegmentComms._not_here,
    "GetVariable": SegmentComms._not_here,
}


class TriggerComms:
    """For the triggers of a worker process.

    Some providers cancel the remote job when their trigger is canceled, after asking for the task's state. The answer
    is always that it still waits: a restart of the worker is no cancel, and a user's cancel is carried out and
    confirmed by a `kill` segment.
    """

    def __init__(self, task_of: Callable[[], tuple[str, str] | None]) -> None:
        self._task_of = task_of

    async def asend(self, message: Foreign) -> Foreign:
        return self.send(message)

    def send(self, message: Foreign = None, msg: Foreign = None) -> Foreign:
        name = type(message if message is not None else msg).__name__
        if name in _IGNORED:
            return None
        task = self._task_of()
        if name == "GetTaskStates" and task is not None:
            run_id, task_id = task
            return _comms().TaskStatesResult(task_states={run_id: {task_id: "deferred"}})
        return _error("GENERIC_ERROR", f"{_DAG_WORLD.get(name, name)} is not available to triggers here")


def _error(kind: str, words: str) -> Foreign:
    comms = _comms()
    return comms.ErrorResponse(error=comms.ErrorType[kind], detail={"message": words})


def _comms() -> Foreign:
    from airflow.sdk.execution_time import comms

    return comms
