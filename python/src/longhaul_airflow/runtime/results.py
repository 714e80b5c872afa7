"""What a segment answers, put together in one place."""

from __future__ import annotations

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.runtime.database import looks_like_database_error
from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.masking import known_secrets
from longhaul_airflow.runtime.secrets_backend import Scope
from longhaul_airflow.segment import SegmentError, SegmentResult, empty_result
from longhaul_airflow.wire import LogLink

_LONGEST_MESSAGE = 2000


def refused(error: LonghaulError) -> SegmentResult:
    """By our own rules, with what to do about it."""
    words = f"{error} ({error.advice})" if error.advice else str(error)
    return {
        **empty_result("failed"),
        "code": error.code,
        "error": {"type": error.code, "message": words[:_LONGEST_MESSAGE]},
    }


def error_of(error: BaseException) -> SegmentError:
    """Its traceback is in the log."""
    return {"type": type(error).__name__, "message": str(error)[:_LONGEST_MESSAGE]}


def explained(result: SegmentResult, scope: Scope, error: BaseException | None, dag_world: list[str]) -> SegmentResult:
    """A failure that our own rules caused gets our code, and no retry: it would fail the same way again."""
    if result["state"] not in ("failed", "up_for_retry") or error is None:
        return result
    denied = next((what for what in scope.denied if what.partition(" ")[2] in str(error)), None)
    if denied is not None:
        return _ours(result, "PERMISSION_DENIED", f"{denied} is not on the allow-list of the project")
    if looks_like_database_error(error):
        return _ours(result, "UNSUPPORTED", "")
    if dag_world:
        return _ours(result, "UNSUPPORTED", f"it asked for {dag_world[0]}, which only an Airflow deployment has")
    return result


def guarded(result: SegmentResult, masker: Foreign) -> SegmentResult:
    """Names the secrets to the parent, and leaves none in words meant for people."""
    result["secrets"] = known_secrets(masker)
    error = result.get("error")
    if error is not None:
        result["error"] = {"type": error["type"], "message": str(masker.redact(error["message"]))}
    return result


def web_link(name: str, uri: object) -> list[LogLink]:
    return [{"name": name, "uri": uri}] if isinstance(uri, str) and uri.startswith(("http://", "https://")) else []


def _ours(result: SegmentResult, code: str, words: str) -> SegmentResult:
    error = result.get("error") or {"type": code, "message": ""}
    message = f"{error['message']} ({words})" if words else error["message"]
    failure: SegmentError = {"type": error["type"], "message": message}
    ours: SegmentResult = {**result, "state": "failed", "code": code, "error": failure}
    ours.pop("retryDelayMs", None)
    return ours
