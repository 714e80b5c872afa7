"""One segment in a forked child: its own session, its own log, and an end when the worker ends."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import TypedDict

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.processes import frames
from longhaul_airflow.processes.limits import LimitsOrder, apply_limits
from longhaul_airflow.processes.process_tree import kill_below
from longhaul_airflow.runtime.load import Runtime
from longhaul_airflow.segment import SegmentError, SegmentJob, SegmentResult, UpdateKind, empty_result
from longhaul_airflow.wire import Json


class SegmentOrder(TypedDict):
    """The first message to a child. The second one is `go`; after that the socket only tells that the worker lives."""

    job: SegmentJob
    logPath: str
    limits: LimitsOrder


def serve_segment(link: socket.socket, runtime: Runtime) -> None:
    """Runs one segment and reports it. The caller leaves with `os._exit`: threads of the task must not hold it up."""
    order: SegmentOrder | None = frames.receive(link)
    if order is None:
        return
    channel = SocketChannel(link)
    threading.Thread(target=channel.watch, name="longhaul-watch", daemon=True).start()
    log_fd = _open_log(Path(order["logPath"]))
    apply_limits(order["limits"])
    try:
        runtime.configure_logging(log_fd)
        channel.send("result", runtime.run(order["job"], channel))
    except LonghaulError as error:
        channel.send("result", refused_result(error))
    except BaseException as error:
        traceback.print_exc()
        channel.send("crash", {"type": type(error).__name__, "message": str(error)[:4000]})
    _flush()


class SocketChannel:
    """To the supervisor. What `send` has returned for is on its way even if this process dies at once."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._go = threading.Event()
        self._outbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._writing = threading.Lock()

    def send(self, kind: UpdateKind, data: Json) -> None:
        """May be called from a signal handler that interrupted `send`: the one that writes takes the message along."""
        self._outbox.put(frames.encode([kind, data]))
        while not self._outbox.empty():
            if not self._writing.acquire(blocking=False):
                return
            try:
                self._write_all()
            finally:
                self._writing.release()

    def wait_for_go(self) -> None:
        """Until the supervisor has put on record that this segment begins."""
        self._go.wait()

    def watch(self) -> None:
        """Ends the whole segment when the worker is gone: it would run beside its successor."""
        while frames.receive(self._link) is not None:
            self._go.set()
        kill_below(os.getpid())
        os.killpg(0, signal.SIGKILL)

    def _write_all(self) -> None:
        with contextlib.suppress(queue.Empty, OSError):
            while True:
                self._link.sendall(self._outbox.get_nowait())


def refused_result(error: LonghaulError) -> SegmentResult:
    words: SegmentError = {"type": error.code, "message": str(error)}
    return {**empty_result("failed"), "code": error.code, "error": words}


def _open_log(path: Path) -> int:
    """Standard output and error go there too: `print`, and the last words of a dying process."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    return fd


def _flush() -> None:
    with contextlib.suppress(Exception):
        logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
