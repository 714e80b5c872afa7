"""The peer's tasks: the same operator, parameters and run as those of the bench (`bench/airflow/tasks.ts`)."""

import os

from airflow.providers.databricks.operators.databricks import DatabricksSubmitRunOperator
from airflow.sdk import DAG


def submit(name: str) -> DatabricksSubmitRunOperator:
    notebook_task = {"notebook_path": "/bench"}
    return DatabricksSubmitRunOperator(
        task_id=name,
        deferrable=True,
        polling_period_seconds=5,
        json={
            "run_name": name,
            "tasks": [{"task_key": "main", "existing_cluster_id": "bench", "notebook_task": notebook_task}],
        },
    )


for size in map(int, os.environ["BENCH_SIZES"].split(",")):
    with DAG(f"n{size}", schedule=None) as dag:
        for index in range(size):
            submit(f"n{size}-{index}")
    globals()[f"n{size}"] = dag
