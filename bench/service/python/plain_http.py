"""Lets Flyte's connectors, which know https only, talk to a simulated workspace: https becomes http, no more.

It spares them the TLS handshake they make for every call.
"""

from typing import Any

import aiohttp

ask = aiohttp.ClientSession._request


async def ask_plainly(session: aiohttp.ClientSession, method: str, url: str, **options: Any) -> aiohttp.ClientResponse:
    return await ask(session, method, url.replace("https://", "http://", 1), **options)


def install() -> None:
    aiohttp.ClientSession._request = ask_plainly
