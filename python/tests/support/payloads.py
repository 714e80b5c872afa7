"""The contract's JSON Schema, golden payloads and shared fixtures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_TEST = Path(__file__).parents[3] / "test"
_SCHEMA = json.loads((_TEST / "contract/connector-activities.schema.json").read_text("utf-8"))


def faults_of(shape: str, payload: object) -> list[str]:
    """What is wrong with a payload, in words; empty when it keeps the contract."""
    schema = {"$ref": f"#/$defs/{shape}", "$defs": _SCHEMA["$defs"]}
    # What crosses the wire is JSON: a tuple or a number of another kind must not hide behind Python's types.
    wire = json.loads(json.dumps(payload))
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(wire)]


def golden_payloads(shape: str) -> list[Any]:
    return json.loads((_TEST / f"contract/golden/{shape}.json").read_text("utf-8"))


def fixture(name: str) -> Any:
    return json.loads((_TEST / "fixtures" / name).read_text("utf-8"))
