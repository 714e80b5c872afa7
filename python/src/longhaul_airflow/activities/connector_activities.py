"""The activities of the contract for task type `airflow`: parse, ask the ports, decide (observe.py), answer."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

from temporalio import activity

from longhaul_airflow.activities.calls import Call, run_call
from longhaul_airflow.activities.delays import stop_delay_ms, trouble_delay_ms
from longhaul_airflow.activities.failures import not_changed, stopping, to_application_error
from longhaul_airflow.activities.look import Look, Pause, after_poke, before_poke, look_failed, parse_look
from longhaul_airflow.activities.observe import View, first_observation, observe_segment, observe_trigger, same_step
from longhaul_airflow.activities.ports import ProjectsPort, SegmentPort, Supervision, TriggerPort
from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.logs.task_logs import LogsPage, TaskLogs, parse_logs_request
from longhaul_airflow.secrets.protection import Protection, redact_error, redact_outcome, redact_result
from longhaul_airflow.secrets.task_secrets import TaskSecrets
from longhaul_airflow.segment import SegmentJob, SegmentResult
from longhaul_airflow.task.exact_numbers import to_digits
from longhaul_airflow.task.jobs import ResolvedTask, kill_job, resolve_task, resolved_task, segment_job, trigger_job
from longhaul_airflow.task.metadata import create_metadata, external_id, parse_metadata, work_of
from longhaul_airflow.task.task_spec import Creation, parse_create_request
from longhaul_airflow.wire import AirflowMetadata, ErrorCode, JsonObject, Observation, Observed

# A healthy job is waited for while nobody can ask about it: operators mend credentials and configuration.
_CREDENTIAL_TROUBLE = frozenset({"PERMISSION_DENIED", "SECRET_UNAVAILABLE", "CONFIG"})
# Of an effort to stop a job: nobody can tell more by asking again.
_FINAL = frozenset({"OUTCOME_UNKNOWN", "UNSUPPORTED"})
# A segment whose process died is run again with the same token this often in all, then it is a failed attempt.
_TRIES_OF_A_SEGMENT = 3


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Dependencies:
    """What a worker hands to its activities. `queue`: the base of its task queues' names, else `airflow3`."""

    airflow_major: int
    segments: SegmentPort
    triggers: TriggerPort
    projects: ProjectsPort
    secrets: TaskSecrets
    logs: TaskLogs
    queue: str | None = None
    kill_grace_s: float = 30.0
    now_ms: Callable[[], int] = field(default=wall_clock_ms)
    random: Callable[[], float] = field(default=random.random)


class ConnectorActivities:
    """By task queue: `get` on the base, `execute` on `:operators` and `:triggers`, all others on `:control`."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._of = dependencies
        self._queue = dependencies.queue or f"airflow{dependencies.airflow_major}"

    def pokes(self) -> list[Callable[..., Any]]:
        return [self.get]

    def executes(self) -> list[Callable[..., Any]]:
        return [self.execute]

    def control(self) -> list[Callable[..., Any]]:
        return [self.create, self.delete, self.get_logs]

    @activity.defn(name="create")
    async def create(self, call_input: JsonObject) -> JsonObject:
        """Starts nothing, so it may be repeated at will: equal requests give equal meta."""

        def refuse(error: LonghaulError) -> NoReturn:
            retry = trouble_delay_ms(call.attempt, self._of.random()) if error.retryable else None
            raise to_application_error(error, retry_in_ms=retry, posts=0)

        async def run() -> JsonObject:
            meta = self._create(call_input)
            return {**self._observed(first_observation(self._view(meta))), "posts": 0}

        call = self._call()
        return await run_call(call, run, refuse)

    @activity.defn(name="execute")
    async def execute(self, call_input: JsonObject) -> JsonObject:
        """One segment, or the wait for a trigger. Never ends a healthy job for trouble that operators can mend."""

        def fail(error: LonghaulError) -> NoReturn:
            waits = error.retryable or error.code in _CREDENTIAL_TROUBLE
            retry = trouble_delay_ms(call.attempt, self._of.random()) if waits else None
            raise to_application_error(error, retry_in_ms=retry)

        call = self._call()
        return await run_call(call, lambda: self._execute(call, call_input), fail)

    @activity.defn(name="get")
    async def get(self, call_input: JsonObject) -> JsonObject:
        """One poke of a sensor; returns only when something changed. Trouble never ends a healthy job."""
        call = self._call()

        def trouble(error: LonghaulError) -> JsonObject | Pause:
            earlier = activity.info().heartbeat_details
            saved = earlier[0] if earlier and isinstance(earlier[0], dict) else None
            return look_failed(self._look(call, call_input), error, saved)

        outcome = await run_call(call, lambda: self._get(call, call_input), trouble)
        if not isinstance(outcome, Pause):
            return outcome
        if outcome.details is not None:
            activity.heartbeat(outcome.details)
        raise not_changed(call.protection.redactor().redact(outcome.snapshot), outcome.delay_ms)

    @activity.defn(name="delete")
    async def delete(self, call_input: JsonObject) -> JsonObject:
        """Returns when nothing of the task runs any more; else fails benignly and is called again."""
        call = self._call()
        pause_ms = stop_delay_ms(call.attempt, self._of.random())

        def unstopped(error: LonghaulError) -> NoReturn:
            if error.code in _FINAL:
                raise to_application_error(error)
            raise stopping(f"cannot ask to stop ({error.code}: {error})", pause_ms)

        return await run_call(call, lambda: self._delete(call, call_input, pause_ms), unstopped)

    @activity.defn(name="getLogs")
    async def get_logs(self, call_input: JsonObject) -> LogsPage:
        """A person waits for it: an error comes back at once."""
        call = self._call()

        def fail(error: LonghaulError) -> NoReturn:
            raise to_application_error(error)

        return await run_call(call, lambda: self._get_logs(call, call_input), fail)

    # -- create

    def _create(self, call_input: JsonObject) -> AirflowMetadata:
        request = parse_create_request(call_input.get("request"))
        if "taskExecution" in call_input and "taskExecution" not in request:
            request = {**request, "taskExecution": call_input["taskExecution"]}
        self._of.secrets.assert_allowed(request["template"].get("custom", {}))
        info = activity.info()
        project = (request.get("taskExecution") or {}).get("project")
        meta = create_metadata(
            Creation(
                request=request,
                workflow_id=info.workflow_id or request["idempotencyToken"],
                scheduled_at_ms=round(info.scheduled_time.timestamp() * 1000),
                airflow_major=self._of.airflow_major,
                allowed=self._of.projects.allowed_for(project),
            )
        )
        # A reference inside of a `task_config_pkl` shows only now.
        self._of.secrets.assert_allowed(cast(JsonObject, work_of(meta)))
        return meta

    # -- execute

    async def _execute(self, call: Call, call_input: JsonObject) -> JsonObject:
        meta = parse_metadata(call_input.get("meta"), self._of.airflow_major)
        step = meta["step"]["kind"]
        if step == "ended":
            raise LonghaulError("INTERNAL", "the task has ended, there is nothing left to run")
        task = self._resolve(call, meta)
        if step == "trigger":
            return await self._await_trigger(call, task)
        if step == "kill":
            return await self._kill(call, task)
        result = await self._run(call, segment_job(task), meta)
        self._repeat_if_lost(call, result)
        try:
            return self._answer(call, observe_segment(self._view(task.meta), result))
        except LonghaulError as error:
            if result.get("repeatable"):
                raise
            # It has run: waiting until somebody mends this could only end in "outcome unknown".
            raise to_application_error(redact_error(error, call.protection.redactor())) from None

    def _repeat_if_lost(self, call: Call, result: SegmentResult) -> None:
        """With the same token, so that what the dead process has started is found again; a new attempt would not."""
        if result["state"] != "lost" or not result.get("repeatable") or call.attempt >= _TRIES_OF_A_SEGMENT:
            return
        why = result["error"]["message"] if "error" in result else "the process of the operator died"
        raise LonghaulError("UNAVAILABLE", f"{why}; it is run again with the same token")

    async def _await_trigger(self, call: Call, task: ResolvedTask) -> JsonObject:
        supervision = self._supervision(call, task.meta)
        job = trigger_job(task, supervision.log_path)
        outcome = await self._of.triggers.wait(job, supervision)
        call.learn(outcome["secrets"])
        outcome = redact_outcome(outcome, call.protection.redactor())
        return self._answer(call, observe_trigger(self._view(task.meta), outcome))

    async def _kill(self, call: Call, task: ResolvedTask) -> JsonObject:
        result = await self._run(call, kill_job(task), task.meta)
        if result["state"] != "killed":
            raise stopping(_not_stopped(result), stop_delay_ms(call.attempt, self._of.random()))
        return self._answer(call, observe_segment(self._view(task.meta), result))

    async def _run(self, call: Call, job: SegmentJob, meta: AirflowMetadata) -> SegmentResult:
        """What comes back is redacted, but for the state that is sealed later."""
        supervision = self._supervision(call, meta)
        async with self._of.logs.capped(supervision.log_path):
            result = await self._of.segments.run(job, supervision)
        call.learn(result["secrets"])
        return redact_result(result, call.protection.redactor())

    # -- get

    async def _get(self, call: Call, call_input: JsonObject) -> JsonObject | Pause:
        look = self._look(call, call_input)
        meta = parse_metadata(call_input.get("meta"), self._of.airflow_major)
        if meta["step"]["kind"] != "poke":
            return {"kind": "changed", **self._observed(same_step(self._view(meta)))}
        pause = before_poke(look, meta)
        if pause is not None:
            return pause
        task = self._resolve(call, meta)
        result = await self._run(call, segment_job(task), meta)
        pause = after_poke(self._look(call, call_input), result)
        if pause is not None:
            return pause
        return {"kind": "changed", **self._answer(call, observe_segment(self._view(task.meta), result))}

    def _look(self, call: Call, call_input: JsonObject) -> Look:
        return parse_look(call_input, attempt=call.attempt, now_ms=self._of.now_ms(), random=self._of.random())

    # -- delete

    async def _delete(self, call: Call, call_input: JsonObject, pause_ms: int) -> JsonObject:
        target = call_input["target"]
        if target.get("kind") == "request":
            return self._nothing("nothing was started: an Airflow task begins with its first segment")
        meta = parse_metadata(target.get("meta"), self._of.airflow_major)
        step = meta["step"]["kind"]
        if step == "ended":
            return self._nothing("the task had already ended")
        if step == "poke":
            return self._stopped(meta, "nothing ran: between two pokes")
        if "airflowHook" in meta:
            return self._stopped(meta, "the call of the hook ended with its process")
        task = self._resolve(call, meta)
        result = await self._run(call, kill_job(task), meta)
        if result["state"] == "killed":
            return self._stopped_by(call, observe_segment(self._view(task.meta), result))
        if result.get("code") in _FINAL:
            raise LonghaulError(cast(ErrorCode, result["code"]), _not_stopped(result))
        raise stopping(_not_stopped(result), pause_ms)

    def _nothing(self, message: str) -> JsonObject:
        return {"kind": "nothing", "message": message, "posts": 0, "stoppedAt": self._of.now_ms()}

    def _stopped(self, meta: AirflowMetadata, message: str) -> JsonObject:
        ended: AirflowMetadata = {**meta, "step": {"kind": "ended"}}
        stopped = {"meta": ended, "resource": {"phase": "ABORTED", "message": message}}
        return {
            "kind": "stopped",
            **stopped,
            "externalId": external_id(meta),
            "posts": 0,
            "stoppedAt": self._of.now_ms(),
        }

    def _stopped_by(self, call: Call, observation: Observation) -> JsonObject:
        answer = self._answer(call, observation)["observation"]
        stopped = {"meta": answer["meta"], "resource": answer["resource"], "externalId": external_id(answer["meta"])}
        return {"kind": "stopped", **stopped, "posts": 0, "stoppedAt": self._of.now_ms()}

    # -- getLogs

    async def _get_logs(self, call: Call, call_input: JsonObject) -> LogsPage:
        meta = parse_metadata(call_input.get("meta"), self._of.airflow_major)
        request = parse_logs_request(call_input.get("request"))
        self._learn_secrets(call, meta)
        return await asyncio.to_thread(self._of.logs.read, meta, request, call.protection.redactor())

    def _learn_secrets(self, call: Call, meta: AirflowMetadata) -> None:
        """Logs may quote what the task was given. What cannot be resolved any more was not printed by this worker."""
        for value in (*meta["task"]["connections"].values(), meta["task"]["variables"], work_of(meta)):
            call.learn(self._of.secrets.values_in(value, call.protection.sealed_for))

    # -- common

    def _call(self) -> Call:
        info = activity.info()
        return Call(info.attempt, Protection(self._of.secrets, info.workflow_id or ""))

    def _view(self, meta: AirflowMetadata) -> View:
        return View(meta, self._queue, self._of.now_ms())

    def _resolve(self, call: Call, meta: AirflowMetadata) -> ResolvedTask:
        allowed = self._of.projects.allowed_for(meta["task"].get("project"))
        opened = call.protection.unseal_meta(meta)
        resolved = resolve_task(opened, self._of.secrets, call.protection.sealed_for)
        task = resolved_task(opened, resolved, allowed)
        call.learn(task.values)
        return task

    def _supervision(self, call: Call, meta: AirflowMetadata) -> Supervision:
        return Supervision(
            log_path=self._of.logs.path_for(meta),
            protect=call.protection.protect_details,
            reveal=call.protection.reveal_details,
            kill_grace_s=self._of.kill_grace_s,
        )

    def _answer(self, call: Call, observation: Observation) -> JsonObject:
        """Sealed and redacted: from here it goes to the task's history."""
        sealed = call.protection.seal_meta(observation["meta"])
        resource = to_digits(call.protection.redactor().redact(observation["resource"]))
        next_step = call.protection.redactor().redact(observation["next"])
        return self._observed({"meta": sealed, "resource": resource, "next": next_step})

    def _observed(self, observation: Observation) -> JsonObject:
        observed: Observed = {"observation": observation, "externalId": external_id(observation["meta"])}
        return {**observed}


def _not_stopped(result: SegmentResult) -> str:
    why = result["error"]["message"] if "error" in result else "on_kill is not confirmed yet"
    return f"asked to stop: {why}"
