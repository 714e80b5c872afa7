"""The operator's allow-lists: one for each project, refused when unclear, followed when they change."""

import logging
import os

import pytest

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.task.allow_list import AllowList
from longhaul_airflow.task.projects import Projects

FILE = """
[default]
operators = ["airflow.providers.databricks.*"]
connections = ["dbx"]

[projects.etl]
shell_operators = true
hooks = ["airflow.providers.http.hooks.http.HttpHook.run"]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "allow.toml"
    path.write_text(FILE)
    return path


def replace_file(path, text):
    """Also when the clock of the file system is coarse: the inode is another."""
    draft = path.with_suffix(".new")
    draft.write_text(text)
    os.replace(draft, path)


def test_without_a_file_every_project_has_the_workers_own_list():
    base = AllowList(shell_operators=True)
    assert Projects(None, base).allowed_for("etl") == base
    assert Projects(None).allowed_for(None) == AllowList()


def test_a_project_has_what_it_says_and_the_rest_of_the_default(file):
    projects = Projects(file)
    etl = projects.allowed_for("etl")
    assert etl.shell_operators is True
    assert etl.operators == ("airflow.providers.databricks.*",)
    assert etl.connections == ("dbx",)
    assert etl.triggers == AllowList().triggers


def test_an_unknown_project_has_the_default(file):
    projects = Projects(file)
    assert projects.allowed_for("other") == projects.allowed_for(None)
    assert projects.allowed_for("other").shell_operators is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[defaults]\n", "defaults is not known"),
        ("[default]\noperator = []\n", "default.operator is not known"),
        ("[default]\noperators = 'x'\n", "default.operators must be a list of patterns"),
        ("[default]\noperators = [1]\n", "default.operators must be a list of patterns"),
        ("[default]\noperators = ['']\n", "default.operators must be a list of patterns"),
        ("[default]\noperators = ['a.*.b']\n", "default.operators may hold * only at the end"),
        ("[projects.etl]\nshell_operators = 1\n", "projects.etl.shell_operators must be true or false"),
        ("[projects.etl]\nshell_operators = ['x']\n", "projects.etl.shell_operators must be true or false"),
        ("projects = 5\n", "projects must hold a table"),
        ("default = 5\n", "default must be a table"),
        ("[projects]\netl = 5\n", "projects.etl must be a table"),
        ("not toml", "is not TOML"),
    ],
)
def test_what_is_unclear_is_refused_with_file_and_member(file, text, said):
    file.write_text(text)
    with pytest.raises(LonghaulError) as refused:
        Projects(file)
    assert refused.value.code == "CONFIG"
    assert said in str(refused.value)
    assert str(file) in str(refused.value)


def test_a_missing_file_is_refused_at_the_start(tmp_path):
    with pytest.raises(LonghaulError, match="cannot be read"):
        Projects(tmp_path / "none.toml")


def test_a_changed_file_is_taken_up_without_a_restart(file):
    projects = Projects(file)
    replace_file(file, "[projects.etl]\nshell_operators = false\n")
    assert projects.allowed_for("etl").shell_operators is False


@pytest.mark.parametrize("change", ["broken", "gone"])
def test_a_file_that_breaks_leaves_the_lists_of_before_and_warns_once(file, change, caplog):
    projects = Projects(file)
    if change == "broken":
        replace_file(file, "[defaults]\n")
    else:
        file.unlink()
    with caplog.at_level(logging.WARNING):
        assert projects.allowed_for("etl").shell_operators is True
        assert projects.allowed_for("etl").shell_operators is True
    assert len([record for record in caplog.records if "stay in use" in record.getMessage()]) == 1
    replace_file(file, "[default]\nshell_operators = true\n")
    assert projects.allowed_for("other").shell_operators is True
