"""The process that children are forked from. It holds no secrets: jobs go to the children on sockets of their own.

The worker starts it with a clean environment and one socket. A byte with a socket attached asks for a child; notices
go back as JSON messages: ready or failed, started, exited. When the worker is gone, it ends every child and itself.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from typing import TypedDict

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.processes import frames
from longhaul_airflow.processes.child import serve_segment
from longhaul_airflow.processes.preload import PreloadOrder, preload
from longhaul_airflow.processes.process_tree import adopt_orphans, children_of, kill_group
from longhaul_airflow.runtime.load import Runtime

_FAREWELL_S = 5.0
_SWEEP_S = 1.0


class ServerOrder(TypedDict):
    """The first message: how the worker finds modules, and what to import."""

    sysPath: list[str]
    preload: PreloadOrder


def main(control_fd: int) -> None:
    """Never returns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whoever stops a service signals all of its processes; the worker alone decides what happens to segments.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    control = socket.socket(fileno=control_fd)
    order: ServerOrder | None = frames.receive(control)
    if order is None:
        os._exit(0)
    runtime = _preload(order, control)
    _Server(control, runtime).serve()
    os._exit(0)


def _preload(order: ServerOrder, control: socket.socket) -> Runtime:
    began = time.monotonic()
    try:
        runtime = preload(order["preload"])
    except LonghaulError as error:
        _give_up(control, {"code": error.code, "message": str(error), "advice": error.advice})
    except BaseException as error:
        traceback.print_exc()
        _give_up(control, {"code": "CONFIG", "message": f"{type(error).__name__}: {error}", "advice": None})
    adopt_orphans()
    # The runtime's empty segment may have set handlers of Airflow.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    control.sendall(frames.encode({"kind": "ready", "seconds": time.monotonic() - began}))
    return runtime


def _give_up(control: socket.socket, why: dict[str, str | None]) -> None:
    with contextlib.suppress(OSError):
        control.sendall(frames.encode({"kind": "failed", **why}))
    os._exit(1)


class _Server:
    """One thread, one select: a fork is safe at every moment."""

    def __init__(self, control: socket.socket, runtime: Runtime) -> None:
        self._control = control
        self._runtime = runtime
        self._segments: set[int] = set()
        self._wake_read, self._wake_write = os.pipe()

    def serve(self) -> None:
        """Until the worker is gone."""
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        try:
            while self._step():
                pass
        except ConnectionError:
            pass
        self._farewell()

    def _step(self) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            ready = {key.fileobj for key, _ in selector.select()}
        if self._wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
            self._reap()
        return self._control not in ready or self._take_request()

    def _take_request(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._control, 1, 1)
        for fd in fds:
            self._fork(fd)
        return bool(data)

    def _fork(self, segment_fd: int) -> None:
        pid = os.fork()
        if pid == 0:
            self._become_segment(segment_fd)
        os.close(segment_fd)
        self._segments.add(pid)
        self._control.sendall(frames.encode({"kind": "started", "pid": pid}))

    def _become_segment(self, segment_fd: int) -> None:
        """In the child: forgets that it ever was a server."""
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for each in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
                signal.signal(each, signal.SIG_DFL)
            self._control.close()
            os.close(self._wake_read)
            os.close(self._wake_write)
            # What daemonizes stays below its segment, so that it is found and ended with it.
            adopt_orphans()
            serve_segment(socket.socket(fileno=segment_fd), self._runtime)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def _reap(self) -> None:
        while (ended := _next_ended()) is not None:
            pid, status = ended
            if pid in self._segments:
                self._segments.discard(pid)
                # Before the worker hears of it: nothing of the segment runs once its end is known.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
                self._sweep()
                code = os.waitstatus_to_exitcode(status)
                self._control.sendall(frames.encode({"kind": "exited", "pid": pid, "code": code}))

    def _sweep(self) -> None:
        """Whatever is our child and no segment was left behind by one that ended.

        A process that the kernel cannot end is left to it: other segments wait meanwhile.
        """
        deadline = time.monotonic() + _SWEEP_S
        while orphans := [pid for pid in children_of(os.getpid()) if pid not in self._segments]:
            for pid in orphans:
                kill_group(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            if time.monotonic() > deadline:
                sys.stderr.write(f"Processes {orphans} of an ended segment do not end.\n")
                return
            time.sleep(0.002)

    def _farewell(self) -> None:
        signal.set_wakeup_fd(-1)
        deadline = time.monotonic() + _FAREWELL_S
        while time.monotonic() < deadline and (left := children_of(os.getpid())):
            for pid in left:
                kill_group(pid)
            while _next_ended() is not None:
                pass
            time.sleep(0.02)


def _next_ended() -> tuple[int, int] | None:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, status) if pid else None


if __name__ == "__main__":
    main(int(sys.argv[1]))
