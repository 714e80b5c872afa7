"""Secrets: named by tasks, resolved right before use, sealed and redacted as the TypeScript side does."""

import base64
import json
import os
from pathlib import Path
from typing import ClassVar

import pytest

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.secrets.redaction import Redactor
from longhaul_airflow.secrets.sealing import FileSealing, Sealing, SealingKey, parse_sealing_keys
from longhaul_airflow.secrets.task_secrets import TaskSecrets, secret_values

TYPESCRIPT = json.loads((Path(__file__).parent / "typescript-vectors.json").read_text("utf-8"))
KEYS = parse_sealing_keys(TYPESCRIPT["keysFile"], Path("sealing.keys"))
SEALING = Sealing(KEYS)
ENV = {"ETL_DB": "s3cret-db", "ETL_EMPTY": "", "OTHER": "not for tasks", "PATH": "/usr/bin"}


def secrets(allowed=("env:ETL_*",), sealing=SEALING, env=None):
    return TaskSecrets(env=env or ENV, allowed=allowed, sealing=sealing)


def ref(reference):
    return {"$secret": reference}


class TestSealing:
    @pytest.mark.parametrize("vector", TYPESCRIPT["sealed"], ids=range(len(TYPESCRIPT["sealed"])))
    def test_what_typescript_sealed_opens(self, vector):
        assert SEALING.open(vector["reference"], vector["sealedFor"]) == vector["value"]

    def test_what_is_sealed_here_has_typescripts_form(self):
        reference = SEALING.seal("grüße", "task-1")
        kind, key_id, text = reference.split(":")
        assert (kind, key_id) == ("sealed", "k2")
        assert "=" not in text
        # 12 bytes of nonce, the value, 16 bytes of tag.
        assert len(base64.urlsafe_b64decode(text + "==")) == 12 + len("grüße".encode()) + 16
        assert SEALING.open(reference, "task-1") == "grüße"
        assert SEALING.seal("grüße", "task-1") != reference

    @pytest.mark.parametrize("change", ["task", "key", "damage", "short", "kind"])
    def test_it_opens_for_its_task_and_with_its_key_only(self, change):
        reference = SEALING.seal("s3cret", "task-1")
        head, text = reference[:10], reference[10:]
        hostile = {
            "task": (reference, "task-2"),
            "key": (reference.replace(":k2:", ":k9:"), "task-1"),
            "damage": (head + ("A" if text[0] != "A" else "B") + text[1:], "task-1"),
            "short": ("sealed:k2:AAAA", "task-1"),
            "kind": ("env:X", "task-1"),
        }[change]
        with pytest.raises(LonghaulError) as refused:
            SEALING.open(*hostile)
        assert refused.value.code == "SECRET_UNAVAILABLE"
        assert "s3cret" not in str(refused.value)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "holds no key"),
            ("# only words\n\n", "holds no key"),
            ("k1", "line 1: must be an id, a space and a key"),
            ("k1 AAAA extra", "line 1: must be an id, a space and a key"),
            ("k:1 AAAA", "the id must be 1 to 32 letters"),
            ("k1 %%%%", "the key is not base64"),
            ("k1 AAAA", "must be 32 bytes long and is 3"),
            (
                f"k1 {base64.b64encode(bytes(32)).decode()}\nk1 {base64.b64encode(b'x' * 32).decode()}",
                "line 2: the id k1 is there",
            ),
            (
                f"k1 {base64.b64encode(bytes(32)).decode()}\nk2 {base64.b64encode(bytes(32)).decode()}",
                "that of k1 again",
            ),
        ],
    )
    def test_a_file_of_keys_is_refused_with_line_and_reason(self, text, said):
        with pytest.raises(LonghaulError) as refused:
            parse_sealing_keys(text, Path("sealing.keys"))
        assert refused.value.code == "CONFIG"
        assert said in str(refused.value)

    def test_keys_are_rotated_without_a_restart_and_a_broken_file_leaves_those_of_before(self, tmp_path):
        file = tmp_path / "keys"

        def put(text):
            (tmp_path / "new").write_text(text)
            os.replace(tmp_path / "new", file)

        def line(key_id, letter):
            return f"{key_id} {base64.b64encode(letter * 32).decode()}\n"

        put(line("k1", b"a"))
        sealing = FileSealing(file)
        old = sealing.seal("x", "t")
        put(line("k2", b"b") + line("k1", b"a"))
        assert sealing.seal("x", "t").startswith("sealed:k2:")
        assert sealing.open(old, "t") == "x"
        put("half a li")
        assert sealing.open(old, "t") == "x"
        file.unlink()
        assert sealing.seal("x", "t").startswith("sealed:k2:")

    def test_a_missing_file_is_refused_at_the_start(self, tmp_path):
        with pytest.raises(LonghaulError, match="does not exist"):
            FileSealing(tmp_path / "none")

    def test_a_key_may_be_base64url(self):
        key = bytes([251, 255] * 16)
        spelled = base64.urlsafe_b64encode(key).decode().rstrip("=")
        assert parse_sealing_keys(f"k1 {spelled}", Path("f")) == [SealingKey("k1", key)]


class TestRedaction:
    @pytest.mark.parametrize("row", TYPESCRIPT["redacted"], ids=range(len(TYPESCRIPT["redacted"])))
    def test_texts_are_redacted_as_in_typescript(self, row):
        assert Redactor(row["values"]).redact_text(row["text"]) == row["redacted"]

    def test_keys_texts_and_numbers_at_any_depth_are_redacted_longest_first(self):
        redactor = Redactor(["hunter2", "hunter2-long", "4711"])
        value = {"a hunter2-long": [{"b": "x hunter2"}, 4711, 12, None, True], "n": 14711.5}
        assert redactor.redact(value) == {"a ***": [{"b": "x ***"}, "***", 12, None, True], "n": "***"}

    def test_short_values_are_left_alone(self):
        assert Redactor(["abc", "on", ""]).redact({"on": "abc"}) == {"on": "abc"}


class TestResolving:
    def test_references_are_replaced_at_any_depth_and_nothing_else_is(self, tmp_path):
        file = tmp_path / "key"
        file.write_bytes(b"line one\r\nline two\r\n")
        given = {"a": [ref("env:ETL_DB"), {"b": ref(f"file:{file}")}], "c": {"$secret": "env:ETL_DB", "more": 1}}
        resolved = secrets(("env:ETL_*", f"file:{tmp_path}/*")).resolve(given, "t")
        assert resolved["a"] == ["s3cret-db", {"b": "line one\r\nline two"}]
        assert resolved["c"] == given["c"]
        assert sorted(secret_values(given, resolved)) == ["line one\r\nline two", "s3cret-db"]

    @pytest.mark.parametrize(
        ("reference", "allowed", "code", "said"),
        [
            ("env:OTHER", ("env:ETL_*",), "PERMISSION_DENIED", "secret: the secret env:OTHER is not in secrets.allow"),
            ("env:ETL_DB", (), "PERMISSION_DENIED", "is not in secrets.allow"),
            ("env:ETL_NONE", ("env:ETL_*",), "SECRET_UNAVAILABLE", "The secret env:ETL_NONE has no value here."),
            ("env:ETL_EMPTY", ("env:ETL_*",), "SECRET_UNAVAILABLE", "has no value here"),
            ("file:/none/x", ("file:/*",), "SECRET_UNAVAILABLE", "The secret file:/none/x cannot be read."),
            ("file:/run/../etc/passwd", ("file:/run/*",), "PERMISSION_DENIED", 'must be an absolute path without ".."'),
            ("file:etc/passwd", ("file:*",), "PERMISSION_DENIED", "must be an absolute path"),
            ("k8s:a/b/c", ("k8s:*",), "UNSUPPORTED", "is of a kind that is not resolved here"),
            ("ETL_DB", ("*",), "UNSUPPORTED", "is of a kind that is not resolved here"),
        ],
    )
    def test_what_does_not_resolve_is_said_by_reference_in_the_same_words(self, reference, allowed, code, said):
        with pytest.raises(LonghaulError) as refused:
            secrets(allowed).resolve(ref(reference), "t")
        assert refused.value.code == code
        assert said in str(refused.value)

    def test_the_field_of_a_refused_reference_is_named(self):
        with pytest.raises(LonghaulError) as refused:
            secrets().assert_allowed({"connections": {"db": [{"password": ref("env:OTHER")}]}})
        assert refused.value.field == "connections.db[0].password"

    def test_a_sealed_reference_opens_for_its_task(self):
        reference = SEALING.seal("hidden value", "task-1")
        assert secrets(("sealed:*",)).resolve(ref(reference), "task-1") == "hidden value"
        with pytest.raises(LonghaulError, match="another task"):
            secrets(("sealed:*",)).resolve(ref(reference), "task-2")
        with pytest.raises(LonghaulError, match="no keys"):
            secrets(("sealed:*",), sealing=None).resolve(ref(reference), "task-1")

    def test_known_are_allowed_variables_exact_files_and_what_was_resolved(self, tmp_path):
        (tmp_path / "exact").write_text("exact file\n")
        (tmp_path / "other").write_text("other file\n")
        known = secrets(("env:ETL_*", f"file:{tmp_path}/exact", f"file:{tmp_path}/o*"))
        text = "s3cret-db, exact file, other file, not for tasks, /usr/bin"
        assert known.redactor().redact_text(text) == "***, ***, other file, not for tasks, /usr/bin"
        known.resolve(ref(f"file:{tmp_path}/other"), "t")
        assert known.redactor(["/usr/bin"]).redact_text(text) == "***, ***, ***, not for tasks, ***"

    def test_values_that_do_not_resolve_any_more_are_no_reason_to_fail(self):
        assert secrets().values_in({"a": ref("env:ETL_DB"), "b": ref("env:ETL_NONE"), "c": ref("env:OTHER")}, "t") == [
            "s3cret-db"
        ]


class TestState:
    STATE: ClassVar = {
        "url": "https://x?key=s3cret-db",
        "run_id": 4711,
        "list": ["s3cret-db", "plain"],
        "by s3cret-db": {"a": 1},
        "none": None,
    }

    def test_leaves_that_hold_a_secret_are_sealed_and_open_again(self):
        known = secrets()
        sealed = known.seal(self.STATE, [], "task-1")
        assert "s3cret-db" not in json.dumps(sealed)
        assert known.unseal(sealed, "task-1") == self.STATE
        plain = known.seal({"a": self.STATE["list"], "run_id": 4711}, [], "task-1")
        assert plain["run_id"] == 4711
        assert plain["a"][1] == "plain"
        assert list(plain["a"][0]) == ["$sealed"]

    def test_a_number_may_be_a_secret(self):
        known = secrets()
        sealed = known.seal({"pin": 987654, "n": 5}, ["987654"], "t")
        assert "987654" not in json.dumps(sealed)
        assert known.unseal(sealed, "t") == {"pin": 987654, "n": 5}

    def test_what_only_looks_sealed_comes_back_as_it_was(self):
        known = secrets()
        state = {"a": {"$sealed": "sealed:k1:from the operator itself"}}
        assert known.unseal(known.seal(state, [], "t"), "t") == state

    def test_it_opens_for_no_other_task(self):
        sealed = secrets().seal(self.STATE, [], "task-1")
        with pytest.raises(LonghaulError, match="another task"):
            secrets().unseal(sealed, "task-2")

    def test_without_keys_it_is_refused_in_words_and_what_holds_no_secret_passes(self):
        keyless = secrets(sealing=None)
        with pytest.raises(LonghaulError, match="no key to seal it with") as refused:
            keyless.seal(self.STATE, [], "t")
        assert refused.value.code == "SECRET_UNAVAILABLE"
        assert keyless.seal({"run_id": 4711}, [], "t") == {"run_id": 4711}

    def test_where_nothing_may_fail_members_are_left_out_without_keys(self):
        kept, is_less = secrets(sealing=None).leave_out(self.STATE, [], "t")
        assert (kept, is_less) == ({"run_id": 4711, "none": None}, True)
        assert secrets(sealing=None).leave_out({"a": 1}, [], "t") == ({"a": 1}, False)
        sealed, is_less = secrets().leave_out(self.STATE, [], "t")
        assert is_less is False
        assert secrets().unseal(sealed, "t") == self.STATE
