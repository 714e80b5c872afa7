"""Our own errors: a code of the one table (docs/errors.md) and words for people."""

from longhaul_airflow.wire import ErrorCode


class LonghaulError(Exception):
    """`retryable`: the same call may succeed later without any change by the user."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        field: str | None = None,
        advice: str | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.advice = advice
        self.retryable = retryable or code == "UNAVAILABLE"


def invalid_task(field: str, reason: str, value: object = None) -> LonghaulError:
    """Bad input: the field, the reason, the value."""
    shown = "" if value is None else f" (got {str(value)[:80]!r})"
    return LonghaulError("INVALID_TASK", f"{field}: {reason}{shown}", field=field)


def refused(what: str, advice: str) -> LonghaulError:
    """Something that is not on the allow-list, by name; nothing of it was executed."""
    return LonghaulError("PERMISSION_DENIED", f"{what} is not on the allow-list", advice=advice)
