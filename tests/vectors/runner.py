"""Plays the vectors of a file against a server, and says which are not as stated.

    python -m tests.vectors.runner tests/vectors/smtp-bad-input.jsonl
    python -m tests.vectors.runner FILE --seed 7 --mode whole --only st-017 tl-007

Exit status: 0 everything that could be judged is as stated, 1 something is not, 2 wrong use or an
unusable file.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from tests.vectors.format import FormatError, Vector, parse_file
from tests.vectors.modes import Mode, modes_of
from tests.vectors.results import Run, failures, summary
from tests.vectors.rounds import play_all

DEFAULT_FILE = Path(__file__).with_name("smtp-bad-input.jsonl")
_USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        vectors = read(options.file)
        runs = choose(vectors, {Mode[each.upper()] for each in options.mode}, options.only, options.seed)
    except (OSError, FormatError, ValueError) as error:
        _say(f"{options.file}: {error}", sys.stderr)
        return _USAGE_ERROR
    if options.verbose:
        logging.basicConfig(format="%(relativeCreated)d ms: %(message)s", level=logging.INFO)
    _say(f"seed {options.seed}")
    results = asyncio.run(play_all(runs))
    for line in failures(results):
        _say(line)
    for vector in vectors:
        for name in vector.unknown:
            _say(f"{vector.id}: the field `{name}` is unknown and was not looked at", sys.stderr)
    if options.verbose:
        for result in results:
            if result.needs and result.run.mode is Mode.WHOLE:
                _say(f"{result.run.vector.id} needs {result.needs}")
    text, is_good = summary(results)
    _say(text)
    return 0 if is_good else 1


def read(path: Path) -> list[Vector]:
    """Return the vectors of the file at *path*.

    Raises:
        OSError: It cannot be read.
        FormatError: A line is malformed, or there is none.
    """
    with path.open("rb") as file:
        vectors = list(parse_file(file))
    if not vectors:
        message = "there is no vector in it"
        raise FormatError(message)
    return vectors


def choose(vectors: Sequence[Vector], modes: set[Mode], only: Sequence[str], seed: int) -> list[Run]:
    """Return the runs of *vectors*, or of those named in *only*, in *modes*.

    Raises:
        ValueError: There is no vector of such a name.
    """
    if strange := set(only) - {vector.id for vector in vectors}:
        message = f"there is no vector called {', '.join(sorted(strange))}"
        raise ValueError(message)
    return [
        Run(vector, mode, seed)
        for vector in vectors
        if not only or vector.id in only
        for mode in modes_of(vector)
        if mode in modes
    ]


def _say(line: str, file: TextIO | None = None) -> None:
    print(line, file=file, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make vectors", description="Play the vectors of a file against `smtpdsl run`, on loopback."
    )
    names = [mode.name.lower() for mode in Mode]
    parser.add_argument("file", type=Path, nargs="?", default=DEFAULT_FILE, help="one JSON object per line")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="where octets are cut")
    parser.add_argument("--mode", nargs="+", choices=names, default=names, help="how octets are sent")
    parser.add_argument("--only", nargs="+", default=[], metavar="ID", help="these vectors")
    parser.add_argument("--verbose", action="store_true", help="list what is not built yet, too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
