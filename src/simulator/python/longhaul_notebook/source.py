"""Reads a notebook into cells: Databricks' source format, or Jupyter's `.ipynb`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "# Databricks notebook source"
SEPARATOR = re.compile(r"^# COMMAND -+\s*$", re.MULTILINE)
TITLE = re.compile(r"^# DBTITLE \d+,\s*(.*)$", re.MULTILINE)
MAGIC_LINE = re.compile(r"^# MAGIC ?", re.MULTILINE)
CELL_MAGIC = re.compile(r"^%%?(\w+)[ \t]*")
CELL_LANGUAGES = {"md", "md-sandbox", "run", "sh", "bash", "sql", "scala", "r", "fs", "python"}


class NotANotebook(Exception):
    """The file has none of the two formats."""


@dataclass(frozen=True)
class Cell:
    """One cell. `text` is what stands in it, without its title and the magic that names its language."""

    number: int
    language: str
    text: str
    notebook: str
    title: str = ""

    @property
    def name(self) -> str:
        """How tracebacks call it."""
        title = f" ({self.title})" if self.title else ""
        return f"<cell {self.number}{title} of {self.notebook}>"


def read_cells(path: Path) -> list[Cell]:
    """All cells that are not empty, numbered from 1 as they stand in the notebook."""
    text = path.read_text(encoding="utf-8")
    sources = jupyter_sources(text) if path.suffix == ".ipynb" else databricks_sources(text, path.name)
    cells = [to_cell(number, source, path.name) for number, source in enumerate(sources, 1)]
    return [cell for cell in cells if cell.text.strip()]


def databricks_sources(text: str, name: str) -> list[str]:
    first, _, rest = text.lstrip("\ufeff").partition("\n")
    if first.rstrip() != HEADER:
        raise NotANotebook(f"{name} is not a notebook: its first line is not '{HEADER}'.")
    return SEPARATOR.split(rest)


def jupyter_sources(text: str) -> list[str]:
    try:
        cells = json.loads(text)["cells"]
        return [jupyter_source(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    except (ValueError, KeyError, TypeError) as error:
        raise NotANotebook(f"The notebook is no Jupyter document: {error!r}") from error


def jupyter_source(cell_type: str, text: str) -> str:
    return text if cell_type == "code" else f"%md\n{text}"


def to_cell(number: int, source: str, notebook: str) -> Cell:
    found = TITLE.search(source)
    text = TITLE.sub("", source).strip("\n")
    if text.lstrip().startswith("# MAGIC"):
        text = MAGIC_LINE.sub("", text)
    language, text = split_language(text)
    return Cell(number, language, text, notebook, found.group(1).strip() if found else "")


def split_language(text: str) -> tuple[str, str]:
    """Only the magics that stand for a whole cell are taken off; `%pip` and its like are lines of a Python cell."""
    stripped = text.lstrip()
    magic = CELL_MAGIC.match(stripped)
    if magic is None or magic.group(1) not in CELL_LANGUAGES:
        return "python", text
    return magic.group(1), stripped[magic.end() :]
