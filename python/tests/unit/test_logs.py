"""Logs: one file per task and try, whole lines in pages, for people."""

import asyncio
import json
import os
import time

import pytest
from tasks import meta_of, token

from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.logs.log_lines import readable_lines
from longhaul_airflow.logs.task_logs import FILE_LIMIT_BYTES, TaskLogs, cap, parse_logs_request
from longhaul_airflow.secrets.redaction import Redactor

NOTHING = Redactor([])


@pytest.fixture
def logs(tmp_path):
    return TaskLogs(tmp_path / "logs", host="worker-7")


def of_try(number):
    meta = meta_of()
    return {**meta, "token": token(number), "task": {**meta["task"], "tryNumber": number}}


def write(logs, meta, *lines):
    with logs.path_for(meta).open("a") as file:
        file.writelines(lines)


def page(logs, meta, **request):
    return logs.read(meta, parse_logs_request(request), NOTHING)


def test_the_tail_comes_by_default_and_says_that_it_is_one(logs):
    meta = of_try(1)
    write(logs, meta, *(f"line {n}\n" for n in range(5_000)))
    tail = page(logs, meta, limit=3)
    assert tail["lines"] == ["try 1 line 4997", "try 1 line 4998", "try 1 line 4999"]
    assert (tail["truncated"], tail["atEnd"]) == (True, True)
    assert len(page(logs, meta)["lines"]) == 1_000
    whole = page(logs, meta, limit=5_000)
    assert (len(whole["lines"]), whole["truncated"]) == (5_000, False)


def test_pages_give_every_line_once_and_in_order(logs):
    meta = of_try(1)
    write(logs, meta, *(f"line {n}\n" for n in range(95)))
    token_, seen, pages = "1:0", [], 0
    while token_ is not None:
        current = page(logs, meta, pageToken=token_, limit=10)
        seen += current["lines"]
        token_ = None if current.get("atEnd") else current["nextPageToken"]
        pages += 1
    assert seen == [f"try 1 line {n}" for n in range(95)]
    assert pages == 10


@pytest.mark.parametrize("first", [{}, {"pageToken": "1:0"}])
def test_the_token_at_the_end_goes_on_with_what_is_written_later(logs, first):
    meta = of_try(1)
    write(logs, meta, "one\n", "tw")
    end = page(logs, meta, **first)
    assert end["atEnd"] is True
    write(logs, meta, "o\n", "three\n")
    later = page(logs, meta, pageToken=end["nextPageToken"])
    assert later["lines"] == ["try 1 two", "try 1 three"]
    write(logs, of_try(2), "again\n")
    assert page(logs, of_try(2), pageToken=later["nextPageToken"])["nextPageToken"] == "2:0"


def test_a_line_that_is_still_being_written_is_not_shown(logs):
    meta = of_try(1)
    write(logs, meta, "one\n", "tw")
    assert page(logs, meta)["lines"] == ["try 1 one"]
    assert page(logs, meta, pageToken="1:0")["lines"] == ["try 1 one"]
    write(logs, meta, "o\n")
    assert page(logs, meta)["lines"] == ["try 1 one", "try 1 two"]


@pytest.mark.parametrize("text", ["", "\n", "unfinished", "a\nunfinished " + "x" * 200_000])
def test_the_tail_of_small_and_odd_files_holds_whole_lines_only(logs, text):
    meta = of_try(1)
    write(logs, meta, text)
    expected = [f"try 1 {line}" for line in text.split("\n")[:-1]]
    assert page(logs, meta)["lines"] == expected


def test_long_lines_survive_reading_backwards(logs):
    meta = of_try(1)
    lines = [str(n) * (70_000 if n % 2 else 3) for n in range(6)]
    write(logs, meta, *(f"{line}\n" for line in lines))
    assert page(logs, meta)["lines"] == [f"try 1 {line}" for line in lines]


def test_pages_go_on_from_try_to_try(logs):
    write(logs, of_try(1), "first\n")
    write(logs, of_try(2), "second\n")
    one = page(logs, of_try(2), pageToken="1:0")
    assert one == {"lines": ["try 1 first"], "truncated": False, "nextPageToken": "2:0"}
    two = page(logs, of_try(2), pageToken="2:0")
    assert (two["lines"], two["atEnd"]) == (["try 2 second"], True)
    assert page(logs, of_try(2))["lines"] == ["try 2 second"]


def test_a_log_that_is_on_another_worker_is_said_to_be_there(logs):
    missing = page(logs, of_try(1))
    assert missing["truncated"] is True
    assert len(missing["lines"]) == 1
    assert "worker-7 has no log of try 1" in missing["lines"][0]
    assert "LONGHAUL_AIRFLOW_LOGS" in missing["lines"][0]
    write(logs, of_try(2), "second\n")
    assert page(logs, of_try(2), pageToken="1:0")["nextPageToken"] == "2:0"


def test_no_part_of_a_tasks_names_gets_into_a_path(logs, tmp_path):
    meta = of_try(1)
    hostile = {**meta, "token": "../../../etc/passwd", "task": {**meta["task"], "dagId": "../x", "runId": "/etc"}}
    path = logs.path_for(hostile)
    assert path.parent == tmp_path / "logs"
    assert ".." not in path.name


def test_tasks_and_tries_have_files_of_their_own(logs):
    other = {**of_try(1), "task": {**of_try(1)["task"], "taskId": "other"}}
    paths = {logs.path_for(meta) for meta in (of_try(1), of_try(2), other, {**of_try(1), "token": "lh-x-1"})}
    assert len(paths) == 4
    assert logs.path_for(of_try(1)).name.rsplit("-", 1)[0] == logs.path_for(of_try(2)).name.rsplit("-", 1)[0]


def test_secrets_of_the_task_are_replaced_once_more(logs):
    meta = of_try(1)
    write(logs, meta, "the password is hunter22\n")
    read = logs.read(meta, parse_logs_request({}), Redactor(["hunter22"]))
    assert read["lines"] == ["try 1 the password is ***"]


@pytest.mark.parametrize(
    "request_",
    [{"limit": 0}, {"limit": "5"}, {"limit": True}, {"pageToken": "x"}, {"pageToken": "1:-5"}, {"pageToken": 5}],
)
def test_a_request_of_another_shape_is_refused(request_):
    with pytest.raises(LonghaulError) as refused:
        parse_logs_request(request_)
    assert refused.value.code == "INVALID_TASK"


def test_a_try_keeps_twenty_megabytes_and_says_where_it_was_cut(logs):
    path = logs.path_for(of_try(1))
    path.write_bytes(b"0123456789\n" * (FILE_LIMIT_BYTES // 11 + 1_000))
    cap(path)
    first = path.read_bytes()
    assert FILE_LIMIT_BYTES - 100 < len(first) <= FILE_LIMIT_BYTES + 100
    assert first.endswith(b"9\nThe log was cut here: a try may keep 20 MB.\n")
    with path.open("ab") as file:
        file.write(b"more\n" * 1_000)
    cap(path)
    assert path.read_bytes() == first


def test_a_small_file_and_a_missing_one_are_left_alone(logs, tmp_path):
    path = logs.path_for(of_try(1))
    path.write_text("small\n")
    cap(path)
    assert path.read_text() == "small\n"
    cap(tmp_path / "missing")


def test_the_end_of_a_segment_cuts_what_its_child_wrote_too_much(logs):
    path = logs.path_for(of_try(1))

    async def segment():
        async with logs.capped(path):
            path.write_bytes(b"x" * 99 + b"\n" + b"y" * (FILE_LIMIT_BYTES + 1_000))

    asyncio.run(segment())
    assert path.stat().st_size < FILE_LIMIT_BYTES + 100


def test_files_of_thirty_days_ago_are_removed(logs):
    old, young = logs.path_for(of_try(1)), logs.path_for(of_try(2))
    old.write_text("old\n")
    young.write_text("young\n")
    ago = time.time() - 31 * 86_400
    os.utime(old, (ago, ago))
    assert logs.remove_old() == 1
    assert (old.exists(), young.exists()) == (False, True)


def test_removing_from_a_folder_that_is_not_there_yet_is_no_error(tmp_path):
    assert TaskLogs(tmp_path / "none").remove_old() == 0


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            {"timestamp": "2026-11-21T10:00:00.123456Z", "level": "info", "event": "message", "logger": "task"},
            ["2026-11-21T10:00:00Z try 2 INFO message"],
        ),
        (
            {"timestamp": "2026-11-21T11:00:00+01:00", "level": "warning", "event": "m", "key": "v", "n": 3},
            ["2026-11-21T10:00:00Z try 2 WARNING m key=v n=3"],
        ),
        ({"event": "no time"}, ["try 2 INFO no time"]),
        (
            {
                "event": "Task failed",
                "level": "error",
                "error_detail": [
                    {
                        "exc_type": "ValueError",
                        "exc_value": "x",
                        "frames": [{"filename": "a.py", "lineno": 5, "name": "f"}],
                    }
                ],
            },
            ["try 2 ERROR Task failed", '  File "a.py", line 5, in f', "ValueError: x"],
        ),
        (
            {"event": "E", "level": "error", "exception": "Traceback\nValueError: x"},
            ["try 2 ERROR E", "Traceback", "ValueError: x"],
        ),
    ],
)
def test_airflows_json_lines_are_turned_into_lines_for_people(entry, expected):
    assert readable_lines(json.dumps(entry).encode() + b"\n", 2) == expected


@pytest.mark.parametrize(
    "entry",
    [
        {"event": "::group::Post Execute"},
        {"event": "::endgroup::"},
        {"event": "airflow.x is deprecated", "category": "DeprecatedImportWarning"},
    ],
)
def test_what_is_meant_for_airflows_own_viewer_or_authors_is_left_out(entry):
    assert readable_lines(json.dumps(entry).encode(), 1) == []


@pytest.mark.parametrize("record", [b"plain text\n", b'{"broken\n', b'{"no": "event"}\n', b"\xff\xfe\n"])
def test_what_is_not_airflows_json_is_shown_as_it_is(record):
    assert readable_lines(record, 1) == [f"try 1 {record.decode('utf-8', 'replace').rstrip()}"]


def test_a_page_keeps_a_traceback_together_where_it_fits(logs):
    meta = of_try(1)
    error = json.dumps({"event": "E", "exception": "a\nb\nc"})
    write(logs, meta, "one\n", "two\n", f"{error}\n")
    first = page(logs, meta, pageToken="1:0", limit=3)
    assert first["lines"] == ["try 1 one", "try 1 two"]
    assert page(logs, meta, pageToken=first["nextPageToken"], limit=4)["lines"] == ["try 1 INFO E", "a", "b", "c"]
    assert page(logs, meta, limit=2)["lines"] == ["b", "c"]
