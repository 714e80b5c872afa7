"""Imported once by the fork server of the tests."""

import os
import tempfile

from longhaul_airflow.runtime.configure import configure_process
from longhaul_airflow.runtime.load import detect_major, load_runtime

configure_process(tempfile.mkdtemp(prefix="longhaul-airflow-home-"))
# Operators of the worker's own environment, for the tests of the allow-list.
os.environ["AIRFLOW_CONN_FROM_ENVIRONMENT"] = '{"conn_type": "http", "password": "environment-pw"}'
os.environ["AIRFLOW_VAR_FROM_ENVIRONMENT"] = "environment-value"
RUNTIME = load_runtime(detect_major())
RUNTIME.preload(
    [
        "airflow.providers.standard.operators.bash",
        "airflow.providers.standard.operators.python",
        "airflow.providers.standard.sensors.filesystem",
        "airflow.providers.databricks.operators.databricks",
        "airflow.providers.http.operators.http",
        "sample_ops",
    ]
)
