"""Counts the words of all text files in a folder and prints the most frequent ones."""

import argparse
import re
import sys
from collections import Counter
from pathlib import Path


def count_words(folder: Path) -> tuple[Counter[str], int]:
    words: Counter[str] = Counter()
    files = sorted(folder.glob("*.txt"))
    for file in files:
        found = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", file.read_text(encoding="utf-8").lower())
        print(f"{file.name}: {len(found)} words", flush=True)
        words.update(found)
    return words, len(files)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--top", type=int, default=10)
    arguments = parser.parse_args()
    words, files = count_words(arguments.folder)
    if files == 0:
        print(f"There is no text file in {arguments.folder}.", file=sys.stderr)
        return 1
    print(f"{words.total()} words in {files} files, {len(words)} different; the most frequent:")
    for word, count in words.most_common(arguments.top):
        print(f"{count:6d}  {word}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
