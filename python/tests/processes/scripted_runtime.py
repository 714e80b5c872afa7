"""A runtime without Airflow: what a segment or a trigger does is named by the test. Same contract, same processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any

from longhaul_airflow.errors import LonghaulError

State = dict[str, Any]


def load_runtime(major: int) -> ScriptedRuntime:
    return ScriptedRuntime(major)


def result(state: str = "success", **more: Any) -> State:
    empty = {"xcoms": {}, "links": [], "operatorState": {}, "taskState": {}, "unknownMessages": [], "secrets": []}
    return {**empty, "state": state, **more}


def note(path: str, line: str) -> None:
    with Path(path).open("a") as file:
        file.write(f"{line}\n")


class ScriptedRuntime:
    def __init__(self, major: int) -> None:
        self.major = major

    def preload(self, modules: list[str]) -> None:
        for module in modules:
            if module == "leaves_a_thread":
                threading.Thread(target=time.sleep, args=(600,), name="left-behind", daemon=True).start()
            if module == "missing":
                raise LonghaulError("CONFIG", "the module missing cannot be imported")

    def configure_logging(self, log_fd: int) -> None:
        os.write(log_fd, b"log begins\n")

    def run(self, job: State, channel: Any) -> State:
        parameters = job["operator"]["parameters"]
        return SCRIPTS[job["operator"]["name"]](job, channel, parameters)

    def prepare_worker(self) -> None:
        """Nothing to prepare."""

    def make_trigger(self, trigger: State, allowed: Any) -> Any:
        return TRIGGERS[trigger["classpath"]](trigger["kwargs"])

    @contextlib.contextmanager
    def trigger_scope(self, job: State) -> Iterator[None]:
        yield

    def trigger_outcome(self, event: Any) -> State:
        return {"kind": "event", "event": event, "secrets": []}

    def trigger_failed(self, error: BaseException | None) -> State:
        words = "Trigger exited without sending an event" if error is None else repr(error)
        return {"kind": "fail", "traceback": [words], "secrets": []}


def begin(channel: Any, repeatable: str | None) -> None:
    channel.send("begun", repeatable)
    channel.wait_for_go()


def succeed(job: State, channel: Any, p: State) -> State:
    begin(channel, p.get("repeatable"))
    print("printed by the operator")  # noqa: T201
    return result(xcoms={"return_value": {"environment": dict(os.environ), "taskState": job["taskState"]}})


def count(job: State, channel: Any, p: State) -> State:
    """Counts its beginnings in a file, keeps some state, then works until somebody says that it is enough."""
    begin(channel, p.get("repeatable"))
    note(p["counter"], f"begun {os.getpid()} {job['taskState'].get('remote', 'nothing known')}")
    channel.send("secrets", ["hunter2"])
    channel.send("operatorState", {"run_id": 7})
    channel.send("taskState", {"remote": "run 7"})
    while not Path(p["enough"]).exists():
        time.sleep(0.02)
    return result(taskState={"remote": "run 7"})


def stop_on_term(job: State, channel: Any, p: State) -> State:
    """Like Airflow's runner: SIGTERM calls `on_kill` and returns to the operator. The command has a session of its own,
    as Bash operators give it."""
    begin(channel, None)
    command = subprocess.Popen(["sleep", "600"], start_new_session=True)
    daemon = subprocess.Popen(["sh", "-c", "setsid sleep 600 & echo $!"], stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None

    def on_term(*_: Any) -> None:
        note(p["file"], "on_kill")
        if p.get("onKillFails"):
            channel.send("onKill", {"ok": False, "by": "operator", "error": "no way", "operatorState": {"run_id": 9}})
        elif not p.get("onKillHangs"):
            channel.send("onKill", {"ok": True, "by": "operator", "operatorState": {"run_id": 9}})

    signal.signal(signal.SIGTERM, on_term)
    note(p["file"], f"pids {os.getpid()} {command.pid} {daemon.stdout.readline().strip()}")
    while True:
        time.sleep(1)


def die(job: State, channel: Any, p: State) -> State:
    begin(channel, p.get("repeatable"))
    channel.send("taskState", {"remote": "run 7"})
    os.kill(os.getpid(), signal.SIGKILL)
    return result()


def crash(job: State, channel: Any, p: State) -> State:
    begin(channel, None)
    raise ValueError("a defect of the runtime")


def refuse(job: State, channel: Any, p: State) -> State:
    raise LonghaulError("PERMISSION_DENIED", "x.Y is not on the allow-list")


def eat_memory(job: State, channel: Any, p: State) -> State:
    begin(channel, None)
    try:
        block = bytearray(p["bytes"])
    except MemoryError:
        return result("failed", error={"type": "MemoryError", "message": "no memory"})
    return result(xcoms={"return_value": len(block)})


def burn_cpu(job: State, channel: Any, p: State) -> State:
    begin(channel, None)
    while True:
        pass


def limits(job: State, channel: Any, p: State) -> State:
    begin(channel, None)
    names = ("RLIMIT_NOFILE", "RLIMIT_CORE", "RLIMIT_CPU")
    return result(xcoms={"return_value": {name: resource.getrlimit(getattr(resource, name))[0] for name in names}})


def leave_behind(job: State, channel: Any, p: State) -> State:
    begin(channel, None)
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)
    note(p["file"], f"pids {left.pid}")
    return result()


def wait_before_begun(job: State, channel: Any, p: State) -> State:
    note(p["file"], f"pids {os.getpid()}")
    time.sleep(600)
    return result()


def reschedule(job: State, channel: Any, p: State) -> State:
    begin(channel, None)
    note(p["counter"], "poked")
    return result("up_for_reschedule")


SCRIPTS: dict[str, Callable[[State, Any, State], State]] = {
    each.__name__: each
    for each in (
        succeed, count, stop_on_term, die, crash, refuse, eat_memory, burn_cpu, limits, leave_behind,
        wait_before_begun, reschedule,
    )
}  # fmt: skip


class Trigger:
    def __init__(self, kwargs: State) -> None:
        self.kwargs = kwargs
        self.trigger_id = ""

    async def run(self) -> AsyncGenerator[Any, None]:
        yield {"ok": True}

    async def cleanup(self) -> None:
        if "file" in self.kwargs:
            note(self.kwargs["file"], "cleanup")


class Sleeping(Trigger):
    async def run(self) -> AsyncGenerator[Any, None]:
        try:
            note(self.kwargs["file"], "waiting")
            await self._until_enough()
        except asyncio.CancelledError:
            note(self.kwargs["file"], "canceled")
            raise
        yield {"slept": True}

    async def _until_enough(self) -> None:
        exists = Path(self.kwargs["enough"]).exists
        while not exists():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


class Idle(Trigger):
    async def run(self) -> AsyncGenerator[Any, None]:
        await asyncio.sleep(self.kwargs["seconds"])
        yield {"slept": True}


class Blocking(Trigger):
    async def run(self) -> AsyncGenerator[Any, None]:
        await asyncio.sleep(0.1)
        time.sleep(self.kwargs["seconds"])  # noqa: ASYNC251
        yield {"blocked": True}


class Raising(Trigger):
    async def run(self) -> AsyncGenerator[Any, None]:
        raise RuntimeError("trigger broke")
        yield


class Silent(Trigger):
    async def run(self) -> AsyncGenerator[Any, None]:
        return
        yield


class CancelsItself(Trigger):
    async def run(self) -> AsyncGenerator[Any, None]:
        raise asyncio.CancelledError
        yield


class BadCleanup(Trigger):
    async def cleanup(self) -> None:
        raise RuntimeError("cleanup broke")


TRIGGERS: dict[str, Callable[[State], Trigger]] = {
    "Event": Trigger, "Sleeping": Sleeping, "Idle": Idle, "Blocking": Blocking, "Raising": Raising, "Silent": Silent,
    "CancelsItself": CancelsItself, "BadCleanup": BadCleanup,
}  # fmt: skip
