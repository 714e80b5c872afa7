"""What the worker reads from its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.settings import Options, Slots, parse_settings


def test_everything_has_a_default() -> None:
    settings = parse_settings({"HOME": "/h", "LONGHAUL_AIRFLOW_OPERATORS": " "}, Options(), 3)
    assert settings.task_queue == "airflow3"
    assert settings.slots == Slots(operators=8, pokes=4, triggers=5000, control=20)
    assert settings.logs_folder == Path("/h/.longhaul/airflow-logs")
    assert (settings.kill_grace_s, settings.shutdown_grace_s) == (30, 60)
    assert not settings.shell_operators


def test_flags_win_over_variables() -> None:
    env = {"LONGHAUL_AIRFLOW_TASK_QUEUE": "mine", "LONGHAUL_AIRFLOW_ALLOW_FILE": "~/a.toml", "HOME": "/h"}
    assert parse_settings(env, Options(), 2).task_queue == "mine"
    assert parse_settings(env, Options(), 2).allow_file == Path("/h/a.toml")
    settings = parse_settings(env, Options(task_queue="other", allow_file="/b.toml", shell_operators=True), 2)
    assert (settings.task_queue, settings.allow_file, settings.shell_operators) == ("other", Path("/b.toml"), True)


def test_limits_and_lists_are_read() -> None:
    env = {
        "LONGHAUL_AIRFLOW_CHILD_MEMORY": "2g",
        "LONGHAUL_AIRFLOW_CHILD_CPU": "90",
        "LONGHAUL_AIRFLOW_CHILD_FILES": "512",
        "LONGHAUL_AIRFLOW_PRELOAD": "a.b, c",
        "LONGHAUL_SECRETS_ALLOW": "env:A,env:B_*",
    }
    settings = parse_settings(env, Options(), 3)
    assert settings.limits.memory_bytes == 2 * 2**30
    assert (settings.limits.cpu_seconds, settings.limits.files) == (90, 512)
    assert (settings.preload, settings.preload_if_installed) == (("a.b", "c"), ())
    assert settings.secrets_allow == ("env:A", "env:B_*")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LONGHAUL_AIRFLOW_OPERATORS", "0"),
        ("LONGHAUL_AIRFLOW_POKES", "many"),
        ("LONGHAUL_AIRFLOW_TRIGGERS", "-1"),
        ("LONGHAUL_AIRFLOW_SHUTDOWN_GRACE", "soon"),
        ("LONGHAUL_AIRFLOW_KILL_GRACE", "nan"),
        ("LONGHAUL_AIRFLOW_CHILD_MEMORY", "12 parsecs"),
        ("LONGHAUL_AIRFLOW_CHILD_MEMORY", "1m"),
        ("LONGHAUL_AIRFLOW_TASK_QUEUE", "a:b"),
        ("LONGHAUL_SECRETS_ALLOW", "env:*A"),
        ("LONGHAUL_AIRFLOW_CHILD_ENV", "*_X"),
    ],
)
def test_a_bad_value_is_named_with_its_variable_and_reason(name: str, value: str) -> None:
    with pytest.raises(LonghaulError) as bad:
        parse_settings({name: value}, Options(), 3)
    assert bad.value.code == "CONFIG"
    assert f"{name}={value}: m" in str(bad.value)
