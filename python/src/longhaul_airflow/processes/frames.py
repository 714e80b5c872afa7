"""Messages between worker and child: JSON behind its length. Never pickles: the child runs code of tasks, and a pickle
from there would run in the worker, which holds the credentials."""

from __future__ import annotations

import asyncio
import json
import socket
import struct

from longhaul_airflow.wire import Json

_LENGTH = struct.Struct("!I")
# Beyond this no result would fit into a task's history anyway.
FRAME_LIMIT_BYTES = 64 * 2**20


class FrameTooLargeError(Exception):
    """The other side sent, or was about to send, more than any message of ours needs."""


def encode(message: Json) -> bytes:
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > FRAME_LIMIT_BYTES:
        raise FrameTooLargeError(f"{len(body)} bytes in one message; {FRAME_LIMIT_BYTES} are the limit")
    return _LENGTH.pack(len(body)) + body


def receive(source: socket.socket) -> Json | None:
    """The next message; None once the other side is gone."""
    head = _exactly(source, _LENGTH.size)
    body = None if head is None else _exactly(source, _checked(head))
    return None if body is None else json.loads(body)


async def read(source: asyncio.StreamReader) -> Json | None:
    """The same for an event loop."""
    try:
        head = await source.readexactly(_LENGTH.size)
        return json.loads(await source.readexactly(_checked(head)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _checked(head: bytes) -> int:
    (length,) = _LENGTH.unpack(head)
    if length > FRAME_LIMIT_BYTES:
        raise FrameTooLargeError(f"{length} bytes in one message; {FRAME_LIMIT_BYTES} are the limit")
    return int(length)


def _exactly(source: socket.socket, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        try:
            part = source.recv(min(count - len(parts), 2**20))
        except ConnectionError:
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)
