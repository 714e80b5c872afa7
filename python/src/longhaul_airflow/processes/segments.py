"""Children, as the worker sees them. Knows nothing of Temporal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.processes import frames
from longhaul_airflow.processes.child import SegmentOrder
from longhaul_airflow.processes.fork_server import ServerOrder
from longhaul_airflow.processes.limits import LimitsOrder
from longhaul_airflow.processes.preload import DEFAULT_RUNTIME
from longhaul_airflow.processes.process_tree import has_below, kill_below, kill_group
from longhaul_airflow.segment import SegmentJob, Update
from longhaul_airflow.settings import ChildLimits

_SERVER = "import sys; sys.path[:] = {path!r}; from longhaul_airflow.processes.fork_server import main; main({fd})"
# After the exit is known; only a process that escaped the sweep can hold the socket longer.
_LAST_WORDS_S = 2.0
_LOOK_S = 0.1


@dataclass(frozen=True)
class SegmentsOptions:
    """`environment` is all that children see of the worker's. `log_path` takes what imports and the server print."""

    major: int
    environment: Mapping[str, str]
    log_path: Path | None = None
    modules: tuple[str, ...] = ()
    modules_if_installed: tuple[str, ...] = ()
    limits: ChildLimits = field(default_factory=ChildLimits)
    runtime: str = DEFAULT_RUNTIME


class Segments:
    """The fork server of this worker. Children die with it, and it dies with the worker, however that ends."""

    def __init__(self, limits: ChildLimits) -> None:
        self._limits: LimitsOrder = {
            "memoryBytes": limits.memory_bytes,
            "cpuSeconds": limits.cpu_seconds,
            "files": limits.files,
        }
        self._asking = asyncio.Lock()
        self._exits: dict[int, asyncio.Future[int]] = {}
        self._started: asyncio.Future[int] | None = None
        self._closing = False
        self._listening: asyncio.Task[None] | None = None
        self.ready_after_s = 0.0
        self.died: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Resolved with words when the fork server ends unasked: the worker cannot go on then."""

    async def open(self, options: SegmentsOptions) -> None:
        """Returns when children can be started.

        @raises LonghaulError CONFIG when Airflow or a module cannot be imported.
        """
        await self.launch(options)
        await self.await_ready()

    async def launch(self, options: SegmentsOptions) -> None:
        """The imports of the fork server go on while the caller does its own."""
        ours, theirs = socket.socketpair()
        self._control = ours
        fd = theirs.fileno()
        with theirs, _output(options.log_path) as output:
            self._server = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _SERVER.format(path=sys.path, fd=fd),
                env=dict(options.environment),
                pass_fds=[fd],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._notices, self._notices_writer = await asyncio.open_unix_connection(sock=ours.dup())
        self._notices_writer.write(frames.encode(_server_order(options)))

    async def await_ready(self) -> None:
        """@raises LonghaulError CONFIG."""
        notice = await frames.read(self._notices)
        if notice is None:
            raise LonghaulError("CONFIG", f"the fork server ended while it started, {await self._ending()}")
        if notice["kind"] == "failed":
            raise LonghaulError(notice["code"], notice["message"], advice=notice["advice"])
        self.ready_after_s = notice["seconds"]
        self._listening = asyncio.create_task(self._listen())

    async def start(self, job: SegmentJob, log_path: Path) -> SegmentProcess:
        """Forks a child and gives it its job.

        @raises LonghaulError UNAVAILABLE when the fork server is gone.
        """
        ours, theirs = socket.socketpair()
        async with self._asking:
            with theirs:
                pid = await self._fork(theirs)
        exited = self._exits[pid]
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        order: SegmentOrder = {"job": job, "logPath": str(log_path), "limits": self._limits}
        writer.write(frames.encode(order))
        return SegmentProcess(pid, reader, writer, exited)

    async def close(self) -> None:
        """Ends every child, then the fork server."""
        self._closing = True
        self._notices_writer.close()
        self._control.close()
        await self._server.wait()
        if self._listening is not None:
            await self._listening

    async def _fork(self, link: socket.socket) -> int:
        if self.died.done():
            raise _gone(self.died.result())
        self._started = asyncio.get_running_loop().create_future()
        try:
            socket.send_fds(self._control, [b"F"], [link.fileno()])
            return await self._started
        except OSError as error:
            raise _gone(str(error)) from None

    async def _listen(self) -> None:
        while (notice := await frames.read(self._notices)) is not None:
            self._take(notice)
        words = f"the fork server ended, {await self._ending()}"
        if not self._closing:
            self.died.set_result(words)
        if self._started is not None and not self._started.done():
            self._started.set_exception(_gone(words))
        for exited in self._exits.values():
            exited.set_exception(_gone(words))
            exited.exception()  # It may be that nobody asks.

    def _take(self, notice: dict[str, Any]) -> None:
        pid = notice["pid"]
        if notice["kind"] == "started":
            self._exits[pid] = asyncio.get_running_loop().create_future()
            if self._started is not None and not self._started.done():
                self._started.set_result(pid)
        else:
            self._exits.pop(pid).set_result(notice["code"])

    async def _ending(self) -> str:
        return describe_exit(await self._server.wait())


class SegmentProcess:
    """One child. Its end is known only when nothing of it runs any more."""

    def __init__(
        self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, exited: asyncio.Future[int]
    ) -> None:
        self.pid = pid
        self._reader = reader
        self._writer = writer
        self._exited = exited
        self._reading: asyncio.Task[Update | None] | None = None

    async def next_update(self) -> Update | None:
        """None when the child has ended and all it said was read. May be given up and asked again; nothing is lost."""
        reading = self._reading = self._reading or asyncio.create_task(self._read())
        await asyncio.wait((reading, self._exited), return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            await asyncio.wait((reading,), timeout=_LAST_WORDS_S)
        if not reading.done():
            return None
        self._reading = None
        return reading.result()

    def go(self) -> None:
        self._writer.write(frames.encode("go"))

    def terminate(self) -> None:
        """Airflow's runner answers SIGTERM with the operator's `on_kill`."""
        if not self._exited.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Everything at once, whatever session it is in."""
        if self._exited.done() and self._exited.exception() is None:
            return
        kill_below(self.pid)
        kill_group(self.pid)

    async def let_below_end(self, patience_s: float) -> None:
        """Commands that were asked to end may do so in order: Bash runs its traps."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and not self._exited.done() and has_below(self.pid):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)

    async def wait(self) -> int:
        """The exit code, negative for a signal.

        @raises LonghaulError UNAVAILABLE when it cannot be known, because the fork server is gone.
        """
        return await asyncio.shield(self._exited)

    async def end(self) -> None:
        """Leaves nothing behind, whatever state the child is in: a closed socket ends even a child without server."""
        self.kill()
        with contextlib.suppress(LonghaulError):
            await self.wait()
        if self._reading is not None:
            self._reading.cancel()
        self._writer.close()

    async def _read(self) -> Update | None:
        try:
            update = await frames.read(self._reader)
        except (frames.FrameTooLargeError, ValueError) as error:
            self.kill()
            return ("crash", {"type": "FrameTooLarge", "message": f"the child's message was not understood: {error}"})
        return None if update is None else cast(Update, (update[0], update[1]))


def describe_exit(code: int) -> str:
    """Exit code or signal, in words."""
    if code >= 0:
        hint = " (a shell's way to say: killed by SIGKILL, often for want of memory)" if code == 128 + 9 else ""
        return f"exit code {code}{hint}"
    return f"killed by {_signal_name(-code)}{_SIGNAL_HINTS.get(-code, '')}"


_SIGNAL_HINTS = {
    6: ": it aborted itself",
    9: ": somebody killed it, or memory ran out",
    11: ": a crash in native code",
    24: ": it used all the CPU time that LONGHAUL_AIRFLOW_CHILD_CPU grants",
}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _server_order(options: SegmentsOptions) -> ServerOrder:
    return {
        "sysPath": sys.path,
        "preload": {
            "runtime": options.runtime,
            "major": options.major,
            "modules": list(options.modules),
            "modulesIfInstalled": list(options.modules_if_installed),
        },
    }


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[IO[bytes] | None]:
    if path is None:
        yield None
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("wb") as file:
        yield file


def _gone(words: str) -> LonghaulError:
    return LonghaulError("UNAVAILABLE", f"no child can be started: {words}", retryable=True)
