"""Tagged JSON and Python values are each other's inverse; what is wrong names its field."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.runtime.load import major_of
from longhaul_airflow.runtime.retry_delay import RetryRule, retry_delay_ms
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.task.values import check_values, revive, to_tagged

ALLOWED = AllowList(callables=("os.path:join",))
VALUES = [
    dt.timedelta(seconds=90),
    dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC),
    dt.date(2026, 1, 2),
    (1, (2, "x")),
    {1, 2},
    dt.UTC,
    dt.timezone(dt.timedelta(hours=5, minutes=30)),
    ZoneInfo("Europe/Berlin"),
    {"deep": [{"deeper": dt.timedelta(days=1)}], "$plain": 1, "none": None},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_is_tagged_revives_to_the_same(value):
    assert revive(to_tagged(value), ALLOWED, lambda path: path) == value


@pytest.mark.parametrize(
    ("text", "seconds"), [(90, 90), (1.5, 1.5), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400)]
)
def test_durations_are_seconds_or_have_a_unit(text, seconds):
    assert revive({"$timedelta": text}, ALLOWED, str) == dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "wrong",
    [
        {"$timedelta": "soon"},
        {"$datetime": 5},
        {"$date": "x"},
        {"$tuple": 1},
        {"$set": [[]]},
        {"$timezone": "No/Where"},
    ],
)
def test_a_wrong_value_names_its_field(wrong):
    with pytest.raises(LonghaulError) as raised:
        check_values({"a": [wrong]}, ALLOWED)
    assert (raised.value.code, raised.value.field) == ("INVALID_TASK", "parameters.a[0]")


def test_a_callable_is_loaded_only_when_it_is_listed():
    asked = []
    revive({"$callable": "os.path:join"}, ALLOWED, asked.append)
    with pytest.raises(LonghaulError, match="os:system"):
        revive({"$callable": "os:system"}, ALLOWED, asked.append)
    assert asked == ["os.path:join"]


def test_an_allow_list_with_an_unknown_field_is_refused():
    assert AllowList.from_json(ALLOWED.to_json()) == ALLOWED
    with pytest.raises(LonghaulError, match="operater"):
        AllowList.from_json({"operater": []})


@pytest.mark.parametrize("known", [("3.3.2", 3), ("2.11.2", 2)])
def test_the_majors_that_were_read_are_known(known):
    assert major_of(known[0]) == known[1]


@pytest.mark.parametrize("installed", ["3.4.0", "2.10.5", "3.3", "3.3.0rc1"])
def test_an_airflow_that_was_not_read_is_refused(installed):
    with pytest.raises(LonghaulError, match=installed):
        major_of(installed)


@pytest.mark.parametrize("attempt", [1, 2, 5, 40])
@pytest.mark.parametrize("backoff", [False, 2.0, 3.0])
@pytest.mark.parametrize("longest", [None, dt.timedelta(seconds=60)])
def test_the_retry_delay_is_airflow_3s_own(major, attempt, backoff, longest):
    if major == 2:
        pytest.skip("Airflow 2 computes it itself, in the child")
    from types import SimpleNamespace

    from airflow.models.taskinstance import TaskInstance

    logical, delay = dt.datetime(2026, 1, 2, tzinfo=dt.UTC), dt.timedelta(seconds=10)
    task = SimpleNamespace(retry_delay=delay, retry_exponential_backoff=backoff, max_retry_delay=longest)
    fake = SimpleNamespace(
        task=task,
        retry_delay_override=None,
        try_number=attempt,
        end_date=logical,
        dag_id="d",
        task_id="t",
        logical_date=logical,
    )
    expected = TaskInstance.next_retry_datetime(fake) - logical
    rule = RetryRule(delay, float(backoff or 0), longest)
    assert retry_delay_ms(rule, f"d#t#{logical}", attempt) == int(expected.total_seconds() * 1000)
