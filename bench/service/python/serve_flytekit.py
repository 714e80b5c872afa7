"""`pyflyte serve connector` of flytekit, over plain HTTP to the workspace: python serve_flytekit.py PORT METRICS_PORT"""

import sys

import plain_http

plain_http.install()

from flytekit.clis.sdk_in_container.pyflyte import main  # noqa: E402

port, metrics_port = sys.argv[1:]
modules = ["--modules", "flytekitplugins.spark.connector"]
main(["serve", "connector", "--port", port, "--prometheus_port", metrics_port, *modules])
