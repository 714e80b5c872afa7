"""Sensors that count their pokes."""

from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import BaseSensorOperator, PokeReturnValue

from longhaul_demo.files import note, wait_for


class CountsPokes(BaseSensorOperator):
    """Met at the given poke; the file tells the pokes over all processes."""

    def __init__(self, file: str, pokes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file = file
        self.pokes = pokes

    def poke(self, context: Any) -> PokeReturnValue:
        note(self.file, "poke")
        seen = len(Path(self.file).read_text(encoding="utf-8").splitlines())
        return PokeReturnValue(is_done=seen >= self.pokes, xcom_value={"pokes": seen})


class WaitsInPoke(BaseSensorOperator):
    """Is at work in the midst of a poke, after some that ended at once: where a worker can be lost."""

    def __init__(self, folder: str, free_pokes: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = folder
        self.free_pokes = free_pokes

    def poke(self, context: Any) -> bool:
        note(f"{self.folder}/pokes", "poke")
        if len(Path(f"{self.folder}/pokes").read_text(encoding="utf-8").splitlines()) <= self.free_pokes:
            return False
        note(f"{self.folder}/started", "poke")
        wait_for(f"{self.folder}/go")
        return True
