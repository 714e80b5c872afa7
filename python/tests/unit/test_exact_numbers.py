import json

import pytest

from longhaul_airflow.task.exact_numbers import from_exact, to_digits, to_exact

LARGE = 9007199254740993


@pytest.mark.parametrize("number", [LARGE, -LARGE, 2**63 - 1, 2**53])
def test_a_number_that_javascript_would_round_comes_back_as_it_was(number):
    state = {"run_id": number, "nested": [{"ids": [number, 1]}]}
    assert from_exact(json.loads(json.dumps(to_exact(state)))) == state


def test_what_javascript_can_hold_stays_a_number():
    state = {"small": 2**53 - 1, "flag": True, "share": 0.5, "text": str(LARGE), "none": None}
    assert to_exact(state) == state
    assert to_digits(state) == state


def test_outputs_show_a_large_number_as_its_digits():
    assert to_digits({"return_value": [LARGE, 7]}) == {"return_value": [str(LARGE), 7]}


@pytest.mark.parametrize(
    "other", [{"$integer": 5}, {"$integer": "05"}, {"$integer": "x"}, {"$integer": "1", "more": 1}]
)
def test_what_only_looks_like_a_tag_is_left_alone(other):
    assert from_exact(other) == other
