"""A worker in a process of its own, so that a test can kill it. Arguments: address, queue, folder."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path


async def main(address: str, queue: str, folder: Path) -> None:
    import scripted_runtime
    from process_helpers import Activities, Bench, open_segments, supervision
    from temporalio.client import Client

    from longhaul_airflow.processes.triggers import TriggerLoop

    logging.basicConfig(level=logging.WARNING)
    loop = TriggerLoop(scripted_runtime.load_runtime(3))
    loop.start()
    bench = Bench(await Client.connect(address), queue, folder)
    async with open_segments() as segments:
        worker = bench.worker(Activities(segments, loop, supervision(folder)))
        running = asyncio.create_task(worker.run())
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await running


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
