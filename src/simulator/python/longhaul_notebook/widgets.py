"""`dbutils.widgets`: what the notebook declares, and the values that its run was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class InputWidgetNotDefined(Exception):
    """As Databricks names it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No input widget named {name} is defined")


class Widgets:
    """A value of the run wins over a widget's default, and can be read without a widget, too."""

    def __init__(self, values: dict[str, str]) -> None:
        self._given = dict(values)
        self._defaults: dict[str, str] = {}

    def text(self, name: str, defaultValue: str, label: str | None = None) -> None:
        self._defaults.setdefault(name, str(defaultValue))

    def dropdown(self, name: str, defaultValue: str, choices: Sequence[str], label: str | None = None) -> None:
        if defaultValue not in choices:
            raise ValueError(f"The default value {defaultValue!r} of widget {name} is none of its choices")
        self.text(name, defaultValue)

    def combobox(self, name: str, defaultValue: str, choices: Sequence[str], label: str | None = None) -> None:
        self.text(name, defaultValue)

    def multiselect(self, name: str, defaultValue: str, choices: Sequence[str], label: str | None = None) -> None:
        """Its value is text: the chosen ones with commas between them."""
        self.dropdown(name, defaultValue, choices)

    def get(self, name: str) -> str:
        values = self.getAll()
        if name not in values:
            raise InputWidgetNotDefined(name)
        return values[name]

    def getArgument(self, name: str, optional: str | None = None) -> str:
        return self.get(name) if optional is None else self.getAll().get(name, optional)

    def getAll(self) -> dict[str, str]:
        return {**self._defaults, **self._given}

    def remove(self, name: str) -> None:
        self.get(name)
        self._defaults.pop(name, None)
        self._given.pop(name, None)

    def removeAll(self) -> None:
        self._defaults.clear()
        self._given.clear()

    def give(self, values: dict[str, str]) -> None:
        """The arguments of a `%run`."""
        self._given.update(values)
