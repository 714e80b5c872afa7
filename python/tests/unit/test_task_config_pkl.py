"""Flyte's `task_config_pkl` is data: what real templates hold is read, everything else is refused by name."""

import json
import os

import pytest
from payloads import fixture
from tasks import SHELL

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.task.task_config_pkl import AIRFLOW_OBJ, TEXT_LIMIT_BYTES, read_task_config_pkl, scan

VECTORS = fixture("airflow/task-config-pkl.json")


class AnyClass(AllowList):
    """The vectors are about reading; which class is allowed is another question."""

    def check_operator(self, module: str, name: str) -> None:
        pass


def names(rows):
    return [row["name"] for row in rows]


def obj(parameters, module="airflow.operators.bash", name="BashOperator"):
    return json.dumps({"py/object": AIRFLOW_OBJ, "module": module, "name": name, "parameters": parameters})


@pytest.mark.parametrize("row", VECTORS["accepted"], ids=names(VECTORS["accepted"]))
def test_what_flyte_sends_is_read_into_plain_tagged_json(row):
    assert read_task_config_pkl(row["text"], AnyClass()) == row["expected"]


@pytest.mark.parametrize("row", VECTORS["refused"], ids=names(VECTORS["refused"]))
def test_everything_else_is_refused_by_name(row):
    with pytest.raises(LonghaulError) as refused:
        read_task_config_pkl(row["text"], AnyClass())
    assert row["reason"] in str(refused.value)
    assert refused.value.code in ("PERMISSION_DENIED", "INVALID_TASK")


@pytest.mark.parametrize(
    "row", [row for row in VECTORS["refused"] if row["foundBy"] == "scan"], ids=lambda row: row["name"]
)
def test_no_refused_tag_reaches_jsonpickle(row, monkeypatch):
    def never(*_args, **_options):
        raise AssertionError("decoded")

    monkeypatch.setattr("longhaul_airflow.task.task_config_pkl.jsonpickle.decode", never)
    with pytest.raises(LonghaulError):
        read_task_config_pkl(row["text"], AnyClass())


def test_a_hostile_text_executes_nothing(tmp_path):
    mark = tmp_path / "ran"
    call = {"py/reduce": [{"py/function": "os.system"}, {"py/tuple": [f"touch {mark}"]}]}
    with pytest.raises(LonghaulError, match=r"py/reduce of os.system is refused"):
        read_task_config_pkl(obj({"x": call}), SHELL)
    assert not mark.exists()
    os.system(f"touch {mark}")
    assert mark.exists()


def test_an_operator_that_is_not_on_the_list_is_refused_before_its_parameters_are_decoded(monkeypatch):
    monkeypatch.setattr(
        "longhaul_airflow.task.task_config_pkl.jsonpickle.decode", lambda *_a, **_o: pytest.fail("decoded")
    )
    with pytest.raises(LonghaulError, match="BashOperator") as refused:
        read_task_config_pkl(obj({}), AllowList())
    assert refused.value.code == "PERMISSION_DENIED"
    with pytest.raises(LonghaulError, match=r"os.system"):
        read_task_config_pkl(obj({}, "os", "system"), SHELL)


def test_a_text_beyond_one_mebibyte_is_refused():
    with pytest.raises(LonghaulError) as refused:
        read_task_config_pkl(obj({"x": "a" * TEXT_LIMIT_BYTES}), SHELL)
    assert refused.value.code == "PAYLOAD_TOO_LARGE"


def test_a_text_nested_beyond_what_a_parser_takes_is_refused():
    deep = '{"py/object": "' + AIRFLOW_OBJ + '", "parameters": ' + "[" * 200_000
    with pytest.raises(LonghaulError, match=r"nested too deeply|not JSON"):
        read_task_config_pkl(deep, SHELL)


def test_a_text_of_the_users_that_looks_like_our_mark_stays_text():
    read = read_task_config_pkl(obj({"x": "function 1-2-3 os.system"}), SHELL)
    assert read["parameters"] == {"x": "function 1-2-3 os.system"}


@pytest.mark.parametrize("value", [None, 1, ["x"], {}])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(LonghaulError, match="must be text"):
        read_task_config_pkl(value, SHELL)


@pytest.mark.parametrize("kind", ["list", "object", "tuple"])
def test_nesting_has_a_limit_whatever_nests(kind):
    value = 1
    for _ in range(100):
        value = {"list": [value], "object": {"a": value}, "tuple": {"py/tuple": [value]}}[kind]
    with pytest.raises(LonghaulError, match="nested too deeply"):
        scan({"py/object": AIRFLOW_OBJ, "module": "m", "name": "N", "parameters": {"x": value}})
