"""`longhaul-airflow worker | check | version`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from longhaul_airflow.console import claim_output, say
from longhaul_airflow.errors import LonghaulError
from longhaul_airflow.runtime.load import detect_major
from longhaul_airflow.settings import Options, Settings, parse_settings
from longhaul_airflow.wire import ErrorCode

# Of docs/errors.md.
_EXIT_CODES: dict[ErrorCode, int] = {
    "INVALID_TASK": 2,
    "UNSUPPORTED": 5,
    "CONFIG": 6,
    "SECRET_UNAVAILABLE": 7,
    "PERMISSION_DENIED": 9,
    "NOT_FOUND": 10,
    "UNAVAILABLE": 41,
}
_INTERNAL = 70


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Leaves with `os._exit`: triggers that are still under way must not be unwound, some would cancel their jobs."""
    options = _parser().parse_args(arguments)
    claim_output()
    _leave(run(options))


def run(options: argparse.Namespace) -> int:
    command: Callable[[argparse.Namespace], Coroutine[None, None, int]] = options.command
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        return asyncio.Runner().run(command(options))
    except LonghaulError as error:
        _complain(error)
        return _EXIT_CODES.get(error.code, _INTERNAL)


async def _worker(options: argparse.Namespace) -> int:
    from longhaul_airflow.worker import run_worker

    why = await run_worker(_settings(options), with_parent=options.with_parent)
    if why is None:
        return 0
    sys.stderr.write(f"INTERNAL: {why}\n")
    return _INTERNAL


async def _check(options: argparse.Namespace) -> int:
    """Everything but Temporal, which `longhaul doctor` checks."""
    from longhaul_airflow.processes.engine_room import open_engine_room
    from longhaul_airflow.worker import open_projects

    settings = _settings(options)
    allowed = open_projects(settings).allowed_for(None)
    _show_versions()
    room = await open_engine_room(settings)
    started_s = room.segments.ready_after_s
    say(f"self-test          passed in {room.self_test_s:.1f} s, after {started_s:.1f} s of start")
    say(f"allow-list         {settings.allow_file or 'the default one'}")
    say(f"  operators        {', '.join(allowed.operators) or 'none'}")
    say(f"  triggers         {', '.join(allowed.triggers) or 'none'}")
    say(f"  hooks            {', '.join(allowed.hooks) or 'none'}")
    say(f"  callables        {', '.join(allowed.callables) or 'none'}")
    say(f"  shell operators  {'on' if allowed.shell_operators else 'off'}")
    await room.segments.close()
    return 0


async def _version(_: argparse.Namespace) -> int:
    _show_versions()
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    major = detect_major()
    if options.airflow is not None and options.airflow != major:
        raise LonghaulError(
            "CONFIG",
            f"--airflow {options.airflow}: this environment has Apache Airflow {version('apache-airflow')}",
            advice=f"Run it in an environment with requirements/airflow{options.airflow}.txt.",
        )
    flags = Options(
        task_queue=options.task_queue, allow_file=options.allow_file, shell_operators=options.allow_shell_operators
    )
    return parse_settings(os.environ, flags, major)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="longhaul-airflow", description="Runs Airflow operators, sensors, triggers and hooks as Longhaul tasks."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    worker = commands.add_parser("worker", help="serve tasks of type airflow until Ctrl-C")
    _add_flags(worker)
    worker.add_argument("--with-parent", action="store_true", help="end, in order, when standard input closes")
    worker.set_defaults(command=_worker)
    check = commands.add_parser("check", help="try the installed Airflow and show what tasks may name")
    _add_flags(check)
    check.set_defaults(command=_check)
    commands.add_parser("version", help="show the versions in use").set_defaults(command=_version)
    return parser


def _add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--airflow", type=int, choices=(2, 3), help="refuse to start with another major of Airflow")
    parser.add_argument("--task-queue", metavar="NAME", help="instead of airflow3 or airflow2")
    parser.add_argument("--allow-file", metavar="FILE", help="what tasks may name, for each project, as TOML")
    parser.add_argument(
        "--allow-shell-operators", action="store_true", help="let tasks run any command: Bash, Python, SSH, Docker"
    )


def _show_versions() -> None:
    for package in ("longhaul-airflow", "apache-airflow", "temporalio"):
        say(f"{package:18} {_installed(package)}")
    say(f"{'python':18} {sys.version.split()[0]}")


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _complain(error: LonghaulError) -> None:
    sys.stderr.write(f"{error.code}: {error}\n")
    if error.advice is not None:
        sys.stderr.write(f"  {error.advice}\n")


def _leave(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)
