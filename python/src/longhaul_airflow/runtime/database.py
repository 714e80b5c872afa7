"""There is no metadata database: what would need it fails at once and says so, instead of hanging or making a file."""

from __future__ import annotations

from typing import NoReturn

from longhaul_airflow.runtime.foreign import Foreign


class NoMetadataDatabaseError(RuntimeError):
    """Raised into the task's own code, so that its log shows where the database was asked for."""


class _NoSession:
    """Stands for Airflow's session factories."""

    def __call__(self, *_: Foreign, **__: Foreign) -> NoReturn:
        raise NoMetadataDatabaseError(
            "This needs Airflow's metadata database, which does not exist here: the task runs outside any Airflow "
            "deployment. Give it what it looks up (connections, variables, upstream) in the task itself."
        )

    def remove(self) -> None:
        """Airflow disposes of its sessions when the process ends."""


def forbid(settings: Foreign) -> None:
    """`settings` is the module `airflow.settings`; every session of Airflow is made through it."""
    for name in ("Session", "NonScopedSession", "AsyncSession"):
        if hasattr(settings, name):
            setattr(settings, name, _NoSession())


def no_session() -> Foreign:
    """For callees that want a session and only pass it on: any use of it is refused."""
    return _Refused()


class _Refused:
    def __getattr__(self, _name: str) -> NoReturn:
        _NoSession()()


def looks_like_database_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, NoMetadataDatabaseError):
            return True
        error = error.__cause__ or error.__context__
    return False
