"""How a test and the code of its tasks talk: by lines that are appended to files, and by files that appear."""

import time
from pathlib import Path


def note(path: str, line: str) -> None:
    """One line per event, so that a test can count what was really run."""
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def wait_for(path: str) -> None:
    """Until the test lets go. It ends with its process, never by itself."""
    while not Path(path).exists():
        time.sleep(0.05)
