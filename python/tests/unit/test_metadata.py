"""The resource meta goes through histories and releases: read what is known, refuse what is not understood."""

import copy
import json

import pytest
from tasks import BASH, creation, meta_of, token

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.task.metadata import create_metadata, external_id, parse_metadata

STEPS = [
    {"kind": "execute"},
    {"kind": "poke", "firstStartedAt": 1, "nextPokeAt": 2},
    {"kind": "trigger"},
    {"kind": "resume", "nextMethod": "execute_complete", "nextKwargs": {}, "event": None},
    {"kind": "resume", "nextMethod": "__fail__", "nextKwargs": {"error": "Trigger timeout"}},
    {"kind": "kill", "reason": "on_kill failed"},
    {"kind": "kill", "reason": "killed by SIGKILL", "after": "lost"},
    {"kind": "ended"},
]


def complete_meta():
    return meta_of(
        airflowTrigger={"classpath": "a.b.C", "kwargs": {}, "deadlineAt": 5},
        airflowTriggerCallback="execute_complete",
        nextKwargs={},
        jobId="4711",
        links=[{"name": "Run", "uri": "https://x"}],
    )


def test_equal_requests_give_equal_meta_that_starts_at_execute():
    custom = {"operator": BASH, "parameters": {"bash_command": "true"}}
    first, second = (create_metadata(creation(copy.deepcopy(custom))) for _ in range(2))
    assert first == second
    assert first["step"] == {"kind": "execute"}
    assert first["token"] == token()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["kind"])
def test_what_was_written_is_read_again(step):
    meta = {**complete_meta(), "step": step}
    assert parse_metadata(json.loads(json.dumps(meta)), 3) == meta


def test_members_of_a_later_release_are_tolerated_and_left_out():
    meta = complete_meta()
    later = {**meta, "soon": 1, "task": {**meta["task"], "mapIndex": 0}, "step": {"kind": "execute", "hint": "x"}}
    assert parse_metadata(later, 3) == meta


def test_what_an_earlier_release_did_not_write_is_not_missed():
    meta = complete_meta()
    for name in ("airflowTrigger", "airflowTriggerCallback", "nextKwargs", "jobId", "links"):
        del meta[name]
    assert parse_metadata(meta, 3) == meta


@pytest.mark.parametrize("version", [0, 2, "1", None, True])
def test_another_version_is_refused_in_words(version):
    with pytest.raises(LonghaulError, match=r"meta\.version: must be 1") as refused:
        parse_metadata({**complete_meta(), "version": version}, 3)
    assert refused.value.code == "INVALID_TASK"


def test_a_task_of_the_other_airflow_is_refused_as_configuration():
    with pytest.raises(LonghaulError, match=r"belongs to Airflow 3.*runs Airflow 2") as refused:
        parse_metadata(complete_meta(), 2)
    assert refused.value.code == "CONFIG"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"token": 5}, "meta.token"),
        ({"task": {}}, "meta.task.dagId: is missing"),
        ({"step": {"kind": "dance"}}, "meta.step.kind: must be one of"),
        ({"step": {"kind": "poke", "firstStartedAt": 1}}, "meta.step.nextPokeAt: is missing"),
        ({"step": []}, "meta.step: must be an object"),
        ({"xcoms": []}, "meta.xcoms: must be an object"),
        ({"airflowTrigger": {"classpath": 1, "kwargs": {}}}, "meta.airflowTrigger.classpath"),
        ({"airflowOperator": {"module": "m", "name": "N"}}, "meta.airflowOperator.parameters: is missing"),
        ({"links": [{"name": "x"}]}, "meta.links: must be a list of links"),
        (
            {"airflowHook": {"module": "m", "name": "N", "parameters": {}, "method": "x", "args": {}}},
            "one operator or one hook",
        ),
    ],
)
def test_a_meta_of_another_shape_is_refused_with_the_member(change, said):
    with pytest.raises(LonghaulError) as refused:
        parse_metadata({**complete_meta(), **change}, 3)
    assert said in str(refused.value)


def test_a_task_that_waits_needs_its_trigger():
    with pytest.raises(LonghaulError, match="airflowTrigger: is missing"):
        parse_metadata(meta_of(step={"kind": "trigger"}), 3)


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_what_is_no_object_is_refused(value):
    with pytest.raises(LonghaulError, match="meta: must be an object"):
        parse_metadata(value, 3)


def test_people_know_the_job_by_its_own_id_or_by_our_token():
    assert external_id(meta_of()) == token()
    assert external_id(meta_of(jobId="4711")) == "4711"
