"""Makes the fork server warm: everything is imported once, so that a segment costs a fork and not an import."""

from __future__ import annotations

import gc
import importlib
import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import TypedDict

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.runtime.load import Runtime

DEFAULT_RUNTIME = "longhaul_airflow.runtime.load:load_runtime"


class PreloadOrder(TypedDict):
    """`runtime` is `module:function`, called with the major; tests put a scripted one here."""

    runtime: str
    major: int
    modules: list[str]
    # Left out where they are not installed.
    modulesIfInstalled: list[str]


def find_runtime(name: str, major: int) -> Runtime:
    module, _, function = name.partition(":")
    load: Callable[[int], Runtime] = getattr(importlib.import_module(module), function)
    return load(major)


def preload(order: PreloadOrder) -> Runtime:
    """@raises LonghaulError CONFIG for a module that cannot be imported, or that starts threads: forks would hang."""
    runtime = find_runtime(order["runtime"], order["major"])
    runtime.preload([*order["modules"], *filter(_installed, order["modulesIfInstalled"])])
    _check_single_threaded()
    gc.collect()
    gc.freeze()
    return runtime


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False


def _check_single_threaded() -> None:
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        raise LonghaulError(
            "CONFIG",
            f"a preloaded module started threads ({', '.join(others)}); children forked beside them could hang",
            advice="Leave the module out of LONGHAUL_AIRFLOW_PRELOAD.",
        )
