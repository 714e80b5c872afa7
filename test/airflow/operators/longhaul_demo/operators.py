"""Operators that defer, wait, die and note what happened to them."""

import os
import signal
from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator
from airflow.providers.databricks.operators.databricks import DatabricksSubmitRunOperator

from longhaul_demo.files import note, wait_for
from longhaul_demo.triggers import BrokenTrigger, FileTrigger, TicksTrigger


class DefersTwice(BaseOperator):
    """Two waits, with a template, an XCom between them, and callbacks of their own."""

    template_fields = ("msg",)

    def __init__(self, msg: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.msg = msg

    def execute(self, context: Any) -> None:
        self.defer(trigger=TicksTrigger(2), method_name="second", kwargs={"first": self.msg})

    def second(self, context: Any, event: Any = None, first: str = "") -> None:
        context["ti"].xcom_push("middle", {"event": event, "msg": first})
        self.defer(trigger=TicksTrigger(1), method_name="third", kwargs={"step": 2})

    def third(self, context: Any, event: Any = None, step: int = 0) -> dict[str, Any]:
        return {"event": event, "step": step, "msg": self.msg}


class DefersToBroken(BaseOperator):
    """Its trigger raises: the task fails by Airflow's own rule."""

    def execute(self, context: Any) -> None:
        self.defer(trigger=BrokenTrigger(), method_name="finish")

    def finish(self, context: Any, event: Any = None) -> Any:
        return event


class DefersToFile(BaseOperator):
    """Starts a job (as a name), waits for a file, kills the job it remembers."""

    def __init__(self, folder: str, timeout_seconds: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = folder
        self.timeout_seconds = timeout_seconds

    def execute(self, context: Any) -> None:
        self.job_id = "J-9"
        trigger = FileTrigger(f"{self.folder}/go", f"{self.folder}/waiting", f"{self.folder}/canceled")
        timeout = None if self.timeout_seconds is None else timedelta(seconds=self.timeout_seconds)
        self.defer(trigger=trigger, method_name="finish", timeout=timeout)

    def finish(self, context: Any, event: Any = None) -> str:
        note(f"{self.folder}/resumed", "resumed")
        return "finished"

    def on_kill(self) -> None:
        note(f"{self.folder}/killed", f"on_kill job={getattr(self, 'job_id', None)}")


class WaitsInResume(BaseOperator):
    """Is still at work after its wait: where a worker can be lost in mid-resume."""

    def __init__(self, folder: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = folder

    def execute(self, context: Any) -> None:
        self.defer(trigger=TicksTrigger(1), method_name="finish")

    def finish(self, context: Any, event: Any = None) -> str:
        note(f"{self.folder}/started", "resume")
        wait_for(f"{self.folder}/go")
        return "finished"


class SlowToFinish(DatabricksSubmitRunOperator):
    """Takes a token, as its parent does, and is still at work after its run has ended."""

    def __init__(self, folder: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = folder

    def execute_complete(self, context: Any, event: Any) -> None:
        note(f"{self.folder}/started", "execute_complete")
        wait_for(f"{self.folder}/go")
        super().execute_complete(context, event)


class Dies(BaseOperator):
    """Ends its process, as the kernel does when memory is short, on the first try only."""

    def execute(self, context: Any) -> str:
        if context["ti"].try_number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return f"alive on try {context['ti'].try_number}"


class FailsFirst(BaseOperator):
    """Raises until the given try."""

    def __init__(self, until_try: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.until_try = until_try

    def execute(self, context: Any) -> int:
        if context["ti"].try_number < self.until_try:
            raise ValueError(f"try {context['ti'].try_number} fails")
        return int(context["ti"].try_number)
