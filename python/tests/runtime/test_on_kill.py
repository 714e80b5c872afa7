"""A user's cancel reaches `on_kill`, of the running operator or of one that is built anew."""

from harness import job, run, start


def test_sigterm_calls_on_kill_and_reports_what_came_of_it(tmp_path):
    started = start(job("sample_ops", "Waits", {"mark": f"{tmp_path}/mark"}))
    started.until("operatorState")
    started.terminate()
    report = started.until("onKill")
    started.kill()
    assert (report["ok"], report["confirmed"], report["operatorState"]) == (True, True, {"statement_id": "S-7"})
    assert (tmp_path / "mark").read_text() == "killed S-7\n"


def test_an_on_kill_that_fails_is_reported_with_its_words():
    started = start(job("sample_ops", "Waits", {"broken": True}))
    started.until("operatorState")
    started.terminate()
    report = started.until("onKill")
    started.kill()
    assert (report["ok"], report["confirmed"]) == (False, False)
    assert "could not reach the server" in report["error"]


def test_the_trap_of_a_bash_command_runs(tmp_path):
    command = f"trap 'echo got-term > {tmp_path}/term' TERM; touch {tmp_path}/up; sleep 60 & wait"
    started = start(job("airflow.providers.standard.operators.bash", "BashOperator", {"bash_command": command}))
    started.until("begun")
    while not (tmp_path / "up").exists():
        started.pipe.poll(0.05)
    started.terminate()
    assert started.until("onKill")["ok"] is True
    started.kill()
    assert (tmp_path / "term").read_text() == "got-term\n"


def test_a_kill_gives_a_fresh_operator_its_state_back(tmp_path):
    ran = run(job("sample_ops", "DeferTo", {"mark": f"{tmp_path}/mark"}, kind="kill", operatorState={"job_id": "J-9"}))
    assert (ran.result["state"], ran.result["killedBy"]) == ("killed", "operator.on_kill")
    assert (tmp_path / "mark").read_text() == "on_kill job=J-9\n"


def test_a_kill_that_fails_is_pending_with_its_words():
    ran = run(job("sample_ops", "Waits", {"broken": True}, kind="kill"))
    assert ran.result["state"] == "kill_pending"
    assert "could not reach the server" in ran.result["error"]["message"]
