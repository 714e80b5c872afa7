"""A real Temporal dev server for all tests of this folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

sys.path.insert(0, str(Path(__file__).parent))

from process_helpers import Bench, OneActivity


def temporal_binary() -> str:
    """LONGHAUL_TEST_TEMPORAL, `temporal` on PATH, or what Longhaul put into its data folder."""
    given = os.environ.get("LONGHAUL_TEST_TEMPORAL") or shutil.which("temporal")
    downloaded = sorted((Path.home() / ".longhaul" / "bin").glob("temporal-*"))
    found = given or (str(downloaded[-1]) if downloaded else None)
    assert found is not None, "no Temporal CLI: set LONGHAUL_TEST_TEMPORAL to its path"
    return found


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with asyncio.Runner() as runner:
        server = runner.run(WorkflowEnvironment.start_local(dev_server_existing_path=temporal_binary()))
        yield server.client.service_client.config.target_host
        runner.run(server.shutdown())


@pytest_asyncio.fixture
async def bench(address: str, tmp_path: Path) -> AsyncIterator[Bench]:
    client = await Client.connect(address)
    queue = f"test-{os.urandom(4).hex()}"
    async with Worker(client, task_queue=queue, workflows=[OneActivity], max_concurrent_workflow_tasks=20):
        yield Bench(client, queue, tmp_path)
