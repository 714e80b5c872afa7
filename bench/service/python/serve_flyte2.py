"""`c0` of flyte 2, over plain HTTP to the workspace: python serve_flyte2.py PORT METRICS_PORT"""

import sys

import plain_http

plain_http.install()

from flyte._bin.connect import main  # noqa: E402

port, metrics_port = sys.argv[1:]
main(["--port", port, "--prometheus_port", metrics_port, "--modules", "flyteplugins.databricks.connector"])
