"""Is this container's worker served by Temporal? Ends with 0 when Temporal has seen it ask for work just now."""

import asyncio
import os
import socket
import sys
import time
from importlib.metadata import version

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfigProfile

# A poll waits for a minute at most, then the next one begins.
FRESH_S = 120


async def main() -> int:
    given = {name: value for name, value in os.environ.items() if value}
    config = ClientConfigProfile.load(override_env_vars=given).to_client_connect_config()
    client = await Client.connect(**{"target_host": "localhost:7233", **config})
    default = f"airflow{version('apache-airflow').partition('.')[0]}"
    queue = os.environ.get("LONGHAUL_AIRFLOW_TASK_QUEUE") or default
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
    )
    ours = [each for each in answer.pollers if each.identity.endswith(f"@{socket.gethostname()}")]
    latest = max((each.last_access_time.ToSeconds() for each in ours), default=0)
    return 0 if time.time() - latest < FRESH_S else 1


sys.exit(asyncio.run(main()))
