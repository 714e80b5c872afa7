"""Serves a connector's activities in Python, with the same JSON as the TypeScript ones: python connector_worker.py ADDRESS QUEUE."""

import asyncio
import logging
import sys
import time
from datetime import timedelta

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import Worker

# Failures on purpose are this contract's way to say "nothing changed": no news for a log.
logging.disable(logging.WARNING)

JOBS: dict[str, dict] = {}


def observation(job: dict) -> dict:
    verdict = {"kind": "done", "verdict": {"kind": "succeeded"}}
    return {
        "meta": {"version": 1, "jobId": job["id"]},
        "resource": {"phase": job["phase"], "message": "served by Python"},
        "next": verdict if job["phase"] == "SUCCEEDED" else {"kind": "poll"},
    }


@activity.defn(name="create")
async def create(call: dict) -> dict:
    request = call["request"]
    token = request["idempotencyToken"]
    fresh = {"id": f"py-{token}", "phase": "QUEUED", "custom": request["template"]["custom"]}
    job = JOBS.setdefault(fresh["id"], fresh)
    return {"observation": observation(job), "externalId": job["id"], "posts": 1}


@activity.defn(name="get")
async def get(call: dict) -> dict:
    job = JOBS.get(call["externalId"])
    if job is None or job["custom"].get("vanishes"):
        raise ApplicationError("the job is gone", type="RUN_GONE", non_retryable=True)
    seen = call["seen"]["phase"]
    if seen == "RUNNING" and job["custom"].get("succeeds"):
        job["phase"] = "SUCCEEDED"
    elif seen == "QUEUED":
        job["phase"] = "RUNNING"
    if job["phase"] != seen:
        return {"kind": "changed", "observation": observation(job), "externalId": job["id"]}
    now = int(time.time() * 1000)
    snapshot = {"phase": seen, "message": "served by Python", "seenAt": now, "nextCheckAt": now + 1000}
    raise ApplicationError(
        f"{seen}, next check in 1 s",
        snapshot,
        type="NotChanged",
        category=ApplicationErrorCategory.BENIGN,
        next_retry_delay=timedelta(seconds=1),
    )


@activity.defn(name="delete")
async def delete(call: dict) -> dict:
    job = JOBS[call["target"]["meta"]["jobId"]]
    job["phase"] = "ABORTED"
    stopped = {"kind": "stopped", "posts": 0, "stoppedAt": int(time.time() * 1000), "externalId": job["id"]}
    return {**stopped, "meta": {"version": 1, "jobId": job["id"]}, "resource": {"phase": job["phase"]}}


async def main(address: str, queue: str) -> None:
    client = await Client.connect(address)
    activities = [create, get, delete]
    workers = [Worker(client, task_queue=name, activities=activities) for name in (queue, f"{queue}:control")]
    print("ready", flush=True)
    await asyncio.gather(*(worker.run() for worker in workers))


asyncio.run(main(*sys.argv[1:]))
