"""Runs the cells of a notebook in one namespace."""

from __future__ import annotations

import ast
import linecache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .magics import CELLS_WITHOUT_A_RUNTIME, UnsupportedCell, parse_run, run_shell, without_line_magics
from .source import Cell, read_cells

if TYPE_CHECKING:
    from types import ModuleType

    from .dbutils import Dbutils

SUFFIXES = ("", ".py", ".ipynb")


def find_notebook(path: str, folder: Path) -> Path:
    """A path of another notebook, relative to the folder of the one that names it, with or without its suffix."""
    for suffix in SUFFIXES:
        candidate = folder / f"{path}{suffix}"
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"Notebook not found: {folder / path}")


class Session:
    """`module` is the notebooks' `__main__`: those taken in by `%run` share it."""

    def __init__(self, module: ModuleType, dbutils: Dbutils) -> None:
        self._dbutils = dbutils
        self._namespace: dict[str, Any] = vars(module)
        self._namespace.update(
            dbutils=dbutils, getArgument=dbutils.widgets.getArgument, display=display, displayHTML=display
        )

    def run(self, notebook: Path) -> None:
        for cell in read_cells(notebook):
            self._run_cell(cell, notebook.parent)

    def _run_cell(self, cell: Cell, folder: Path) -> None:
        if cell.language == "python":
            self._run_python(cell)
        elif cell.language == "run":
            path, arguments = parse_run(cell.text)
            self._dbutils.widgets.give(arguments)
            self.run(find_notebook(path, folder))
        elif cell.language in ("sh", "bash"):
            run_shell(cell.text)
        elif cell.language in CELLS_WITHOUT_A_RUNTIME:
            raise UnsupportedCell(cell.language)

    def _run_python(self, cell: Cell) -> None:
        text = python_text(cell)
        linecache.cache[cell.name] = (len(text), None, text.splitlines(keepends=True), cell.name)
        tree = ast.parse(text, cell.name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, cell.name, "exec"), self._namespace)  # noqa: S102
        if isinstance(last, ast.Expr):
            echo(eval(compile(ast.Expression(last.value), cell.name, "eval"), self._namespace))  # noqa: S307


def python_text(cell: Cell) -> str:
    """Magic lines are looked for only in what is no Python: a line of a text may begin with a percent sign, too."""
    try:
        ast.parse(cell.text)
    except SyntaxError:
        return without_line_magics(cell.text)
    return cell.text


def display(*values: Any, **_: Any) -> None:
    for value in values:
        print(value)


def echo(value: Any) -> None:
    """The value of a cell's last line is shown."""
    if value is not None:
        print(repr(value))
