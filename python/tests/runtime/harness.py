"""Segments in real forked children of a fork server that has Airflow loaded, as the worker runs them."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import scenarios as given

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["preloaded"])
ALLOWED = {
    "operators": ["airflow.providers.*", "airflow.operators.*", "sample_ops.*"],
    "triggers": ["airflow.providers.*", "sample_ops.*"],
    "callables": ["sample_ops:*"],
    "shell_operators": True,
}


@dataclass
class Ran:
    """What one child said, in order."""

    result: dict[str, Any] | None
    updates: list[tuple[str, Any]]
    log: str

    def of(self, kind: str) -> list[Any]:
        return [data for name, data in self.updates if name == kind]


@dataclass
class Started:
    process: Any
    pipe: Any
    log_path: str
    updates: list[tuple[str, Any]] = field(default_factory=list)

    def until(self, kind: str, seconds: float = 20) -> Any:
        """The next update of this kind."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.pipe.poll(0.05):
                update = self.pipe.recv()
                self.updates.append(update)
                if update[0] == kind:
                    return update[1]
        raise AssertionError(f"no {kind} within {seconds} s; got {self.updates}; log: {self.log()}")

    def terminate(self) -> None:
        os.kill(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()

    def end(self) -> Ran:
        with contextlib.suppress(EOFError):
            while True:
                self.updates.append(self.pipe.recv())
        self.process.join()
        results = [data for kind, data in self.updates if kind == "result"]
        return Ran(results[0] if results else None, self.updates, self.log())

    def log(self) -> str:
        return Path(self.log_path).read_text()


def start(job: dict[str, Any], go: bool = True) -> Started:
    handle, log_path = tempfile.mkstemp(suffix=".log")
    os.close(handle)
    here, there = CONTEXT.Pipe()
    process = CONTEXT.Process(target=child_main, args=(job, there, log_path, go))
    process.start()
    there.close()
    return Started(process, here, log_path)


def run(job: dict[str, Any]) -> Ran:
    ran = start(job).end()
    assert ran.result is not None, (ran.updates, ran.log)
    assert ran.result["unknownMessages"] == []
    return ran


def run_to_end(job: dict[str, Any]) -> dict[str, Any]:
    """What the worker and the workflow do together: waits, resumes, retries."""
    xcoms: dict[str, Any] = {}
    job = {**job, "task": dict(job["task"])}
    segments = 0
    while True:
        segments += 1
        result = run({**job, "xcoms": xcoms}).result
        xcoms = {**xcoms, **result["xcoms"]}
        if result["state"] == "deferred":
            job = resumed(job, result["deferral"])
        elif result["state"] == "up_for_reschedule":
            wait_until_ms(result["rescheduleAt"])
            job = {**job, "firstStartedAt": result["firstStartedAt"]}
        elif result["state"] == "up_for_retry":
            xcoms = {}
            wait_until_ms(time.time() * 1000 + result["retryDelayMs"])
            job = again(job)
        else:
            return {**result, "xcoms": xcoms, "segments": segments, "tries": job["task"]["tryNumber"]}


def again(job: dict[str, Any]) -> dict[str, Any]:
    task = {**job["task"], "tryNumber": job["task"]["tryNumber"] + 1, "startedAt": int(time.time() * 1000)}
    rest = {
        key: value for key, value in job.items() if key not in ("nextMethod", "nextKwargs", "event", "firstStartedAt")
    }
    return {**rest, "kind": "execute", "task": task}


def resumed(job: dict[str, Any], deferral: dict[str, Any]) -> dict[str, Any]:
    trigger = {"classpath": deferral["classpath"], "kwargs": deferral["kwargs"]}
    outcome = await_trigger({**job, "timeoutMs": deferral.get("timeoutMs")}, trigger)
    resume = {**job, "kind": "resume"}
    if outcome["kind"] == "event":
        kwargs = {"nextMethod": deferral["nextMethod"], "nextKwargs": deferral["nextKwargs"]}
        return {**resume, **kwargs, "event": outcome["event"]}
    timed_out = {"error": "Trigger timeout"}
    failure = (
        timed_out if outcome["kind"] == "timeout" else {"error": "Trigger failure", "traceback": outcome["traceback"]}
    )
    return {key: value for key, value in resume.items() if key != "event"} | {
        "nextMethod": "__fail__",
        "nextKwargs": failure,
    }


def await_trigger(job: dict[str, Any], trigger: dict[str, Any]) -> dict[str, Any]:
    return run_in_worker(trigger_main, {**job, "trigger": trigger})


def run_in_worker(target: Any, argument: Any) -> Any:
    here, there = CONTEXT.Pipe()
    process = CONTEXT.Process(target=worker_main, args=(target, argument, there))
    process.start()
    there.close()
    answer = here.recv()
    process.join()
    if isinstance(answer, BaseException):
        raise answer
    return answer


def job(module: str, name: str, parameters: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """`task` in `more` is merged into the task's context, everything else replaces."""
    task = {
        "dagId": "flow",
        "taskId": "task",
        "runId": "run-1",
        "tryNumber": 1,
        "retries": 0,
        "startedAt": int(time.time() * 1000),
        "logicalDate": given.LOGICAL_DATE,
        "conf": {},
        "params": given.PARAMS,
        "upstream": given.UPSTREAM,
        "connections": {},
        "variables": {},
        **more.pop("task", {}),
    }
    return {
        "kind": "execute",
        "operator": {"module": module, "name": name, "parameters": parameters or {}},
        "task": task,
        "token": "lh-token-1",
        "connections": {},
        "variables": {},
        "xcoms": {},
        "taskState": {},
        "allowed": ALLOWED,
        **more,
    }


def wait_until_ms(at: float) -> None:
    time.sleep(max(0.0, at / 1000 - time.time()))


class PipeChannel:
    def __init__(self, pipe: Any, go: bool) -> None:
        self._pipe, self._go = pipe, go

    def send(self, kind: str, data: Any) -> None:
        self._pipe.send((kind, data))

    def wait_for_go(self) -> None:
        if not self._go:
            assert self._pipe.recv() == "go"


def child_main(job: dict[str, Any], pipe: Any, log_path: str, go: bool) -> None:
    import preloaded

    os.setsid()
    fd = os.open(log_path, os.O_WRONLY | os.O_APPEND)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    try:
        preloaded.RUNTIME.configure_logging(fd)
        channel = PipeChannel(pipe, go)
        channel.send("result", preloaded.RUNTIME.run(job, channel))
    except BaseException as error:
        pipe.send(("crash", repr(error)))
        raise
    finally:
        pipe.close()
        os._exit(0)


def worker_main(target: Any, argument: Any, pipe: Any) -> None:
    import preloaded

    try:
        preloaded.RUNTIME.prepare_worker()
        pipe.send(target(preloaded.RUNTIME, argument))
    except BaseException as error:
        pipe.send(error)


def trigger_main(runtime: Any, job: dict[str, Any]) -> dict[str, Any]:
    limit = job.get("timeoutMs")
    try:
        return asyncio.run(asyncio.wait_for(first_event(runtime, job), limit and limit / 1000))
    except TimeoutError:
        return {"kind": "timeout", "secrets": []}


async def first_event(runtime: Any, job: dict[str, Any]) -> dict[str, Any]:
    from longhaul_airflow.task.allow_list import AllowList

    with runtime.trigger_scope(job):
        try:
            trigger = runtime.make_trigger(job["trigger"], AllowList.from_json(job["allowed"]))
            async for event in trigger.run():
                return runtime.trigger_outcome(event)
        except Exception as error:
            return runtime.trigger_failed(error)
        return runtime.trigger_failed(None)
