"""Operators, sensors and triggers of the tests, the same code on both majors."""

import asyncio
import datetime
import logging
import os
import time

from airflow.providers.standard.operators.bash import BashOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

try:
    from airflow.sdk import BaseOperator, PokeReturnValue
    from airflow.sdk.bases.sensor import BaseSensorOperator
except ImportError:
    from airflow.models.baseoperator import BaseOperator
    from airflow.sensors.base import BaseSensorOperator, PokeReturnValue


class CountTrigger(BaseTrigger):
    def __init__(self, n=1):
        super().__init__()
        self.n = n

    def serialize(self):
        return "sample_ops.CountTrigger", {"n": self.n}

    async def run(self):
        for _ in range(self.n):
            await asyncio.sleep(0.02)
        yield TriggerEvent({"ticks": self.n})


class ConnectionTrigger(CountTrigger):
    """Looks a connection up while it waits."""

    def serialize(self):
        return "sample_ops.ConnectionTrigger", {"n": self.n}

    async def run(self):
        from airflow.exceptions import AirflowNotFoundException

        try:
            from airflow.hooks.base import BaseHook

            connection = await asyncio.to_thread(BaseHook.get_connection, "mine")
            self.log.info("asks %s with %s", connection.host, connection.password)
            logging.getLogger("some.provider").warning("warns of %s", connection.password)
            yield TriggerEvent({"host": connection.host})
        except AirflowNotFoundException as error:
            yield TriggerEvent({"error": str(error)})


class BadTrigger(CountTrigger):
    def serialize(self):
        return "sample_ops.BadTrigger", {}

    async def run(self):
        raise RuntimeError("the trigger broke")
        yield


class EndingTrigger(CountTrigger):
    def serialize(self):
        return "sample_ops.EndingTrigger", {"n": self.n}

    async def run(self):
        return
        yield


class Twice(BaseOperator):
    """`carry` gives its callbacks arguments of its own: Airflow's `dag.test()` loses those, its scheduler does not."""

    template_fields = ("msg",)

    def __init__(self, msg="m", carry=False, **kwargs):
        super().__init__(**kwargs)
        self.msg, self.carry = msg, carry

    def execute(self, context):
        self.job_id = "J-1"
        self.defer(
            trigger=CountTrigger(2), method_name="second", kwargs={"from_first": self.msg} if self.carry else None
        )

    def second(self, context, event=None, from_first=None):
        context["ti"].xcom_push("first", {"event": event, "msg": from_first})
        self.defer(trigger=CountTrigger(1), method_name="third", kwargs={"a": 1} if self.carry else None)

    def third(self, context, event=None, a=None):
        return {"event": event, "a": a, "msg": self.msg}


class DeferTo(BaseOperator):
    """Defers to a trigger of this module by name, and marks a file when it is killed."""

    def __init__(self, trigger="CountTrigger", timeout_s=None, mark=None, **kwargs):
        super().__init__(**kwargs)
        self.trigger, self.timeout_s, self.mark = trigger, timeout_s, mark

    def execute(self, context):
        self.job_id = "J-9"
        timeout = datetime.timedelta(seconds=self.timeout_s) if self.timeout_s else None
        self.defer(trigger=globals()[self.trigger](), method_name="finish", timeout=timeout)

    def finish(self, context, event=None):
        return event

    def on_kill(self):
        with open(self.mark, "a") as file:
            file.write(f"on_kill job={getattr(self, 'job_id', None)}\n")


class Waits(BaseOperator):
    """A synchronous job: names itself, then waits until it is killed."""

    def __init__(self, mark=None, broken=False, **kwargs):
        super().__init__(**kwargs)
        self.mark, self.broken = mark, broken

    def execute(self, context):
        self.statement_id = "S-7"
        while True:
            time.sleep(0.05)

    def on_kill(self):
        if self.broken:
            raise RuntimeError("could not reach the server")
        with open(self.mark, "a") as file:
            file.write(f"killed {self.statement_id}\n")


class Counter(BaseSensorOperator):
    """Done at its n-th poke; the count is in a file, because every poke is another process."""

    def __init__(self, path, n=2, xcom=None, **kwargs):
        super().__init__(**kwargs)
        self.path, self.n, self.xcom = path, n, xcom

    def poke(self, context):
        with open(self.path, "a") as file:
            file.write("x")
        done = os.path.getsize(self.path) >= self.n
        return PokeReturnValue(done, xcom_value=self.xcom) if self.xcom else done


class KeepsState(Counter):
    """Counts on itself, so it must stay in one process."""

    _longhaul_keep_poke_mode = True


class LooksUp(BaseOperator):
    """Reads connections and variables by name."""

    def __init__(self, connections=(), variables=(), **kwargs):
        super().__init__(**kwargs)
        self.connections, self.variables = connections, variables

    def execute(self, context):
        from airflow.hooks.base import BaseHook
        from airflow.models import Variable

        found = {name: BaseHook.get_connection(name).password for name in self.connections}
        return found | {name: Variable.get(name) for name in self.variables}


class AsksDatabase(BaseOperator):
    def execute(self, context):
        from airflow.utils.session import create_session

        with create_session() as session:
            return session.execute("select 1")


class LeaksInError(BaseOperator):
    def execute(self, context):
        print("printed", context["conn"].mine.password)  # noqa: T201
        raise ValueError(f"login with {context['conn'].mine.password} failed")


class Picky(BaseOperator):
    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        if size > 3:
            raise ValueError("size must be at most 3")


class HiddenShell(BashOperator):
    """Shell-like under another name."""


def push_two(a, ti=None, **_):
    ti.xcom_push("extra", {"k": a})
    return {"answer": 42, "a": a}


def give_datetime(**_):
    return {"at": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)}


def skip(**_):
    from airflow.exceptions import AirflowSkipException

    raise AirflowSkipException("nothing to do")


def fail_hard(**_):
    from airflow.exceptions import AirflowFailException

    raise AirflowFailException("never retry this")


def boom(**_):
    raise ValueError("boom")


def exit_with_2(**_):
    raise SystemExit(2)
