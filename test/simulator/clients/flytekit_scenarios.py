"""What flytekit's own Databricks connectors see of a workspace: `flytekit_scenarios.py SCENARIO` prints it as JSON."""

import asyncio
import json
import os
import sys
from pathlib import Path

from flyteidl.core.execution_pb2 import TaskExecution
from flyteidl.core.tasks_pb2 import TaskTemplate as Message
from flytekit.models.task import TaskTemplate
from flytekitplugins.spark.connector import DatabricksConnector, DatabricksConnectorV2
from google.protobuf.json_format import ParseDict

FIXTURES = Path(__file__).parents[2] / "fixtures/flyte"
NOTEBOOK = "template-v1-databricksv2-notebook"


def template(name, **custom):
    read = json.loads((FIXTURES / f"{name}.json").read_text())
    read["custom"].pop("databricksInstance", None)
    read["custom"].update(custom)
    return TaskTemplate.from_flyte_idl(ParseDict(read, Message()))


async def follow(connector, meta):
    """The phases in the order they were entered, and the last answer."""
    phases = []
    for _ in range(600):
        resource = await connector.get(meta)
        phase = TaskExecution.Phase.Name(resource.phase)
        if phase not in phases:
            phases.append(phase)
        if phase in ("SUCCEEDED", "FAILED", "RETRYABLE_FAILED", "ABORTED"):
            return {"phases": phases, "message": resource.message, "link": resource.log_links[0].uri}
        await asyncio.sleep(0.02)
    raise TimeoutError(f"run {meta.run_id} did not end: {phases}")


async def run(task, connector=None):
    used = connector or DatabricksConnectorV2()
    meta = await used.create(task_template=task)
    return {**await follow(used, meta), "auth": meta.auth_type, "run_id": meta.run_id}


async def kinds():
    return {
        "notebook": await run(template(NOTEBOOK, notebookPath=os.environ["NOTEBOOK"], notebookBaseParameters={"p": "7"})),
        "cluster": await run(template("template-v1-databricksv2-new-cluster")),
        "serverless": await run(template("template-v1-databricksv2-serverless-key")),
        "spark": await run(template("template-v1-databricksv2-existing-cluster"), DatabricksConnector()),
    }


async def deleted():
    connector = DatabricksConnectorV2()
    meta = await connector.create(task_template=template(NOTEBOOK))
    await connector.delete(meta)
    return await follow(connector, meta)


async def expired(auth):
    """Its token is refused while it looks: it gets another one."""
    connector = DatabricksConnectorV2()
    meta = await connector.create(task_template=template(NOTEBOOK, databricksAuthType=auth))
    await asyncio.sleep(float(os.environ["PAUSE_SECONDS"]))
    return {**await follow(connector, meta), "kept": meta.auth_token}


async def everything():
    return {
        "kinds": await kinds(),
        "deleted": await deleted(),
        "oauth_m2m": await expired("oauth_m2m"),
        "oidc_federation": await expired("oidc_federation"),
    }


SCENARIOS = {act.__name__: act for act in (everything,)}

if __name__ == "__main__":
    print(json.dumps(asyncio.run(SCENARIOS[sys.argv[1]]())))
