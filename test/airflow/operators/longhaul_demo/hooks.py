"""A hook with methods that are on the allow-list of the tests, and one that is not."""

from typing import Any

from airflow.providers.common.compat.sdk import BaseHook

from longhaul_demo.files import note, wait_for


class DemoHook(BaseHook):
    """Reads its connection as real hooks do."""

    def __init__(self, conn_id: str = "demo_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id

    def greet(self, name: str) -> dict[str, str | None]:
        connection = self.get_connection(self.conn_id)
        return {"greeting": f"hello {name}", "host": connection.host}

    def wait(self, folder: str) -> str:
        note(f"{folder}/started", "hook")
        wait_for(f"{folder}/go")
        return "waited"

    def forbidden(self, path: str) -> None:
        note(path, "ran")
