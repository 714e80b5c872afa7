"""From a request to a result."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from .dbutils import Dbutils, Notebook, NotebookExit, Secrets, TaskValues
from .failure import describe
from .other_notebook import create_run
from .redaction import RedactedStream, Redactor
from .session import Session
from .widgets import Widgets

PROGRAM = Path(__file__).resolve().parent.parent / "run_notebook.py"
MAX_RESULT_BYTES = 5 * 1024 * 1024


def main(request_file: str) -> int:
    """Runs the notebook, leaves `result.json` beside the request, returns the exit code."""
    file = Path(request_file).resolve()
    request = json.loads(file.read_text(encoding="utf-8"))
    request.setdefault("secretsFile", str(file.parent.parent / "secrets.json"))
    redactor = Redactor()
    sys.stdout = RedactedStream(sys.stdout, redactor)
    sys.stderr = RedactedStream(sys.stderr, redactor)
    task_values = TaskValues(request["taskValues"])
    result = run(request, task_values, redactor)
    write(file.with_name("result.json"), {**result, "taskValues": task_values.own})
    return 1 if "error" in result else 0


def run(request: dict[str, Any], task_values: TaskValues, redactor: Redactor) -> dict[str, Any]:
    secrets = Secrets(Path(request["secretsFile"]), redactor)
    notebook = Notebook(create_run(PROGRAM, request))
    dbutils = Dbutils(Widgets(request["parameters"]), notebook, secrets, task_values)
    path = Path(request["notebook"])
    try:
        Session(prepare_process(path), dbutils).run(path)
    except NotebookExit as ended:
        return exit_value(redactor.redact(ended.value))
    except SystemExit as ended:
        if not ended.code:
            return {}
        return failed(ended, redactor)
    except BaseException as error:  # whatever ends a cell is the notebook's failure
        return failed(error, redactor)
    return {}


def prepare_process(notebook: Path) -> ModuleType:
    """The notebook is `__main__`, and modules beside it can be imported."""
    sys.path[0] = str(notebook.parent)
    sys.argv = [str(notebook)]
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    return module


def exit_value(value: str) -> dict[str, Any]:
    data = value.encode()
    kept = data[:MAX_RESULT_BYTES].decode(errors="ignore")
    return {"result": kept, "truncated": len(data) > MAX_RESULT_BYTES}


def failed(error: BaseException, redactor: Redactor) -> dict[str, Any]:
    line, trace = describe(error)
    print(trace, file=sys.stderr)
    return {"error": redactor.redact(line), "errorTrace": redactor.redact(trace)}


def write(file: Path, result: dict[str, Any]) -> None:
    """Whole or not at all."""
    aside = file.with_suffix(".new")
    aside.write_text(json.dumps(result), encoding="utf-8")
    os.replace(aside, file)
