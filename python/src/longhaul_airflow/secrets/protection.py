"""Keeps secrets out of what leaves the worker: results and outcomes redacted, state that is needed again sealed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.secrets.redaction import Redactor
from longhaul_airflow.secrets.task_secrets import TaskSecrets
from longhaul_airflow.segment import SegmentResult, TriggerOutcome
from longhaul_airflow.task.exact_numbers import from_exact, to_exact
from longhaul_airflow.wire import AirflowMetadata, Json, JsonObject

Transform = Callable[[Json], Json]


@dataclass(frozen=True)
class Protection:
    """Of one task: `sealed_for` is its workflow id, `values` are secrets this call knows beside the worker's own."""

    secrets: TaskSecrets
    sealed_for: str
    values: frozenset[str] = frozenset()

    def knowing(self, values: Sequence[str]) -> Protection:
        return Protection(self.secrets, self.sealed_for, self.values | set(values))

    def redactor(self) -> Redactor:
        return self.secrets.redactor(self.values)

    def seal_meta(self, meta: AirflowMetadata) -> AirflowMetadata:
        """@raises LonghaulError SECRET_UNAVAILABLE where the state holds a secret and no key is configured."""
        sealed = _over_state(meta, lambda value: self.secrets.seal(value, self.values, self.sealed_for))
        return _over_numbers(sealed, to_exact)

    def unseal_meta(self, meta: AirflowMetadata) -> AirflowMetadata:
        """@raises LonghaulError SECRET_UNAVAILABLE."""
        exact = _over_numbers(meta, from_exact)
        return _over_state(exact, lambda value: self.secrets.unseal(value, self.sealed_for))

    def protect_details(self, details: JsonObject, values: Sequence[str]) -> JsonObject:
        """Of heartbeats. Where nothing can be sealed, state that holds a secret is left out: a running job is not
        ended for that. A segment that relied on it for being repeated is not repeated then."""
        known = self.knowing(values)
        task_state, is_less = self.secrets.leave_out(details.get("taskState", {}), known.values, self.sealed_for)
        operator_state, _ = self.secrets.leave_out(details.get("operatorState", {}), known.values, self.sealed_for)
        xcoms = known.redactor().redact(details.get("xcoms", {}))
        protected = {**details, "taskState": task_state, "operatorState": operator_state, "xcoms": xcoms}
        if is_less and details.get("repeatable") == "state":
            protected["repeatable"] = None
        return protected

    def reveal_details(self, details: JsonObject) -> JsonObject:
        return {
            **details,
            "taskState": self.secrets.unseal(details.get("taskState", {}), self.sealed_for),
            "operatorState": self.secrets.unseal(details.get("operatorState", {}), self.sealed_for),
        }


def redact_result(result: SegmentResult, redactor: Redactor) -> SegmentResult:
    """What people see of a segment. Its state is left: it is needed again, and sealed where it has to be."""
    redacted: SegmentResult = {
        **result,
        "xcoms": redactor.redact(result["xcoms"]),
        "links": redactor.redact(result["links"]),
    }
    if "error" in result:
        redacted["error"] = redactor.redact(result["error"])
    if "killedBy" in result:
        redacted["killedBy"] = redactor.redact_text(result["killedBy"])
    return redacted


def redact_outcome(outcome: TriggerOutcome, redactor: Redactor) -> TriggerOutcome:
    """As `redact_result`; the event goes back to the operator and is sealed."""
    redacted: TriggerOutcome = {**outcome}
    if "xcoms" in outcome:
        redacted["xcoms"] = redactor.redact(outcome["xcoms"])
    if "traceback" in outcome:
        redacted["traceback"] = redactor.redact(outcome["traceback"])
    return redacted


def redact_error(error: LonghaulError, redactor: Redactor) -> LonghaulError:
    return LonghaulError(
        error.code,
        redactor.redact_text(str(error)),
        field=error.field,
        advice=None if error.advice is None else redactor.redact_text(error.advice),
        retryable=error.retryable,
    )


def _over_state(meta: AirflowMetadata, transform: Transform) -> AirflowMetadata:
    """Members that only operators, triggers and our own activities write; what the user wrote is not touched."""
    changed = {**meta, **{name: transform(meta[name]) for name in ("operatorState", "taskState")}}
    if "nextKwargs" in meta:
        changed["nextKwargs"] = transform(meta["nextKwargs"])
    if "airflowTrigger" in meta:
        changed["airflowTrigger"] = {**meta["airflowTrigger"], "kwargs": transform(meta["airflowTrigger"]["kwargs"])}
    step = cast(JsonObject, meta["step"])
    inner = {name: transform(step[name]) for name in ("nextKwargs", "event") if name in step}
    changed["step"] = {**step, **inner}
    return cast(AirflowMetadata, changed)


def _over_numbers(meta: AirflowMetadata, transform: Transform) -> AirflowMetadata:
    """XComs too: a later segment may pull what an earlier one pushed."""
    return cast(AirflowMetadata, {**_over_state(meta, transform), "xcoms": transform(meta["xcoms"])})
