"""The cells and lines that are not Python."""

from __future__ import annotations

import re
import shlex
import subprocess

CELLS_WITHOUT_A_RUNTIME = {"sql", "scala", "r", "fs"}
IGNORED_LINES = {"pip", "conda", "restart_python", "matplotlib", "load_ext", "autoreload", "config"}
LINE_MAGIC = re.compile(r"^\s*%(\w+)")


class UnsupportedCell(Exception):
    """A cell that only a real workspace can run."""

    def __init__(self, language: str) -> None:
        super().__init__(
            f"This cell is %{language}, and the simulated workspace runs Python cells only: "
            "run the notebook in a real workspace, or script an outcome for it."
        )


def run_shell(script: str) -> None:
    """Prints what the script says; a failure is the cell's."""
    done = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print(done.stdout, end="")
    done.check_returncode()


def parse_run(text: str) -> tuple[str, dict[str, str]]:
    """`%run ./other $table="sales"`: the notebook's path and the values for its widgets."""
    path, *rest = shlex.split(text)
    arguments = (part.lstrip("$").partition("=") for part in rest)
    return path, {name: value for name, _, value in arguments}


def without_line_magics(text: str) -> str:
    """`%pip install …` and its like become blank lines and a word in the log; any other one is refused."""
    return "\n".join(without_magic(line) for line in text.split("\n"))


def without_magic(line: str) -> str:
    magic = LINE_MAGIC.match(line)
    if magic is None:
        return line
    if magic.group(1) not in IGNORED_LINES:
        raise UnsupportedCell(magic.group(1))
    print(f"Ignored by the simulated workspace: {line.strip()}")
    return ""
