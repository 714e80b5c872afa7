"""XComs of a task instance that has no database behind it: what it pushes, and what the task gave it of others."""

from __future__ import annotations

import json
from collections.abc import Iterable

from longhaul_airflow.runtime.foreign import Foreign
from longhaul_airflow.runtime.load import Channel
from longhaul_airflow.segment import SegmentJob
from longhaul_airflow.wire import Json, JsonObject

RETURN_VALUE = "return_value"


class XComs:
    """Stands for the methods of one `TaskInstance`; the formats are those of Airflow's database."""

    def __init__(self, job: SegmentJob, channel: Channel) -> None:
        self._job = job
        self._channel = channel
        self.pushed: JsonObject = {}

    def install(self, ti: Foreign) -> None:
        """On the instance, and where operator links look."""
        from airflow.models.xcom import BaseXCom

        ti.__dict__.update(xcom_push=self.push, xcom_pull=self.pull, clear_xcom_data=lambda **_: None)
        BaseXCom.get_value = classmethod(lambda _cls, *, ti_key, key=None, **__: self._one(ti_key.task_id, key))
        BaseXCom.get_one = classmethod(
            lambda _cls, *, task_id=None, key=None, **__: self._one(task_id, key or RETURN_VALUE)
        )

    def push(self, key: str, value: Foreign, *_: Foreign, **__: Foreign) -> None:
        self.pushed[key] = to_json(value)
        self._channel.send("xcom", {key: self.pushed[key]})

    def pull(
        self,
        task_ids: str | Iterable[str] | None = None,
        dag_id: str | None = None,
        key: str = RETURN_VALUE,
        *_: Foreign,
        default: Foreign = None,
        **__: Foreign,
    ) -> Foreign:
        """Of several tasks only what was pushed, as Airflow's own."""
        if task_ids is None or isinstance(task_ids, str):
            return self._one(task_ids, key, default)
        return [self._one(task_id, key) for task_id in task_ids if key in self._of(task_id)]

    def _one(self, task_id: str | None, key: str, default: Foreign = None) -> Foreign:
        known = self._of(task_id)
        return from_json(known[key]) if key in known else default

    def _of(self, task_id: str | None) -> JsonObject:
        if task_id is None or task_id == self._job["task"]["taskId"]:
            return {**self._job["xcoms"], **self.pushed}
        return self._job["task"]["upstream"].get(task_id, {})


def to_json(value: Foreign) -> Json:
    """@raises TypeError for what Airflow could not store either."""
    from airflow.utils.json import XComEncoder

    return json.loads(json.dumps(value, cls=XComEncoder))


def from_json(value: Json) -> Foreign:
    from airflow.utils.json import XComDecoder

    return json.loads(json.dumps(value), cls=XComDecoder)
