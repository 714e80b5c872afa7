"""Airflow's settings for a process that runs tasks without Airflow around it. Call before Airflow is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

from longhaul_airflow.errors import LonghaulError

_SETTINGS = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    # Nothing here may believe that it is a scheduler or a server with a database behind it.
    "_AIRFLOW_PROCESS_CONTEXT": "client",
}
# Whoever runs the worker may have chosen otherwise. `[operators] default_deferrable` is theirs alone: with it, a
# sensor whose user wrote `mode: reschedule` would defer instead.
_DEFAULTS = {
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
}


def configure_process(airflow_home: str, environ: MutableMapping[str, str] = os.environ) -> None:
    """`airflow_home` is a private folder: Airflow writes its generated configuration there.

    @raises LonghaulError CONFIG when Airflow was imported already: its settings would come too late.
    """
    if "airflow" in sys.modules and environ is os.environ:
        raise LonghaulError("CONFIG", "Airflow was imported before its settings were made")
    environ["AIRFLOW_HOME"] = airflow_home
    environ.update(_SETTINGS)
    for name, value in _DEFAULTS.items():
        environ.setdefault(name, value)
