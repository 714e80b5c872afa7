"""What an operator keeps on itself (`run_id`, …): Airflow throws it away at a deferral, a later kill needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.wire import JsonObject

LOOK_EVERY_SECONDS = 0.5
_LONGEST_TEXT = 512


def scalars(values: JsonObject) -> JsonObject:
    return {name: value for name, value in values.items() if _is_state(name, value)}


def changed(before: JsonObject, after: JsonObject) -> JsonObject:
    return {name: value for name, value in after.items() if name not in before or before[name] != value}


class OperatorWatch:
    """Compares the operator with what it was when its own code began.

    The watching thread only reads and sends: a synchronous operator that polls for hours must have told its job's id
    long before its process could be lost.
    """

    def __init__(self, report: Callable[[JsonObject], None]) -> None:
        self._report = report
        self._operator: Foreign = None
        self._before: JsonObject = {}
        self._told: JsonObject = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, operator: Foreign) -> None:
        """After templates are rendered: rendering is not the operator's own doing."""
        self._operator = operator
        self._before = scalars(dict(vars(operator)))
        self._thread = threading.Thread(target=self._look, daemon=True, name="longhaul-operator-watch")
        self._thread.start()

    def end(self) -> JsonObject:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=1)
        return self.state()

    def state(self) -> JsonObject:
        if self._operator is None:
            return {}
        return changed(self._before, scalars(dict(vars(self._operator))))

    def _look(self) -> None:
        while not self._stop.wait(LOOK_EVERY_SECONDS):
            state = self.state()
            if state != self._told:
                self._told = state
                self._report(state)


def restore(operator: Foreign, state: JsonObject) -> None:
    """Past any `__setattr__` of Airflow: a fresh operator gets back what its predecessor knew."""
    for name, value in state.items():
        object.__setattr__(operator, name, value)


def _is_state(name: str, value: Foreign) -> bool:
    if name.startswith("_") or not isinstance(value, str | int | float | bool):
        return False
    return not isinstance(value, str) or len(value) <= _LONGEST_TEXT
