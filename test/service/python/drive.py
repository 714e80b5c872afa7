"""Calls gRPC services by Flyte's published Python stubs: one JSON line in, one JSON line out, many at once.

In:  {"id", "address", "call": "SERVICE/METHOD" | "reflection", "request": proto JSON or a list of it for a stream,
      "bytes"?: base64 of a request that `request` is laid over, "timeoutMs", "tls"?: {"ca", "key"?, "cert"?}}
Out: {"id", "ok": true, "latencyMs", "messages": [proto JSON]}
     {"id", "ok": false, "latencyMs", "code", "details", "errorInfo"?}    what the service said
     {"id", "broken": text}                                               what is wrong with the line itself
Ends when its standard input does.
"""

import asyncio
import base64
import json
import os
import sys
import time
import traceback
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from calls import METHODS, Method
from failures import describe_failure
from reflection import reflect

Json = dict[str, Any]

LONGEST_LINE = 64 * 2**20
# A server that was restarted is found again soon; and as Flyte's engine, nothing is sent twice by the library.
CHANNEL_OPTIONS = [
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]

channels: dict[str, grpc.aio.Channel] = {}


def channel_to(line: Json) -> grpc.aio.Channel:
    """One connection for each address, as an engine has."""
    key = json.dumps([line["address"], line.get("tls")])
    if key not in channels:
        channels[key] = open_channel(line["address"], line.get("tls"))
    return channels[key]


def open_channel(address: str, tls: Json | None) -> grpc.aio.Channel:
    if tls is None:
        return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
    parts = [tls[name].encode() if name in tls else None for name in ("ca", "key", "cert")]
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(*parts), options=CHANNEL_OPTIONS)


def read_requests(method: Method, line: Json) -> list[Message]:
    given = line.get("request", {})
    bodies = given if isinstance(given, list) else [given]
    return [read_request(method, body, line.get("bytes")) for body in bodies]


def read_request(method: Method, body: Json, start: str | None) -> Message:
    message = method.request()
    if start is not None:
        message.ParseFromString(base64.b64decode(start))
    return ParseDict(body, message)


async def each(messages: list[Message]) -> AsyncIterator[Message]:
    for message in messages:
        yield message


async def send(line: Json) -> list[Message]:
    method = METHODS[line["call"]]
    requests = read_requests(method, line)
    send_to = getattr(method.stub(channel_to(line)), method.name)
    request = each(requests) if method.client_streams else requests[0]
    call = send_to(request, timeout=line["timeoutMs"] / 1000)
    return [message async for message in call] if method.server_streams else [await call]


async def answer(line: Json) -> Json:
    started = time.perf_counter()
    try:
        if line["call"] == "reflection":
            messages = [await asyncio.wait_for(asyncio.to_thread(reflect, line["address"]), line["timeoutMs"] / 1000)]
        else:
            messages = [MessageToDict(message) for message in await send(line)]
        outcome = {"ok": True, "messages": messages}
    except grpc.RpcError as error:
        outcome = {"ok": False, **describe_failure(error)}
    return {**outcome, "latencyMs": (time.perf_counter() - started) * 1000}


async def serve_line(text: bytes) -> None:
    line = json.loads(text)
    try:
        outcome = await answer(line)
    except Exception:
        outcome = {"broken": traceback.format_exc()}
    sys.stdout.write(json.dumps({"id": line["id"], **outcome}) + "\n")
    sys.stdout.flush()


async def main() -> None:
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    running: set[asyncio.Task[None]] = set()
    while text := await reader.readline():
        task = asyncio.create_task(serve_line(text))
        running.add(task)
        task.add_done_callback(running.discard)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
