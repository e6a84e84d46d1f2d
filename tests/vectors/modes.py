"""How the octets of a vector arrive: whole as they are written, one by one, or cut anywhere.

WHOLE    QUIT..          OCTETS    Q U I T . .          CUTS    QU I T..
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from itertools import pairwise
from random import Random

from tests.vectors.format import Vector
from tests.vectors.steps import Early, Repeat, Write

# More of them one by one only take time.
MAX_SINGLE_OCTETS = 64 * 1024
_MAX_CUTS = 20
# A repeated text is written in blocks of about this size.
_BLOCK_OCTETS = 64 * 1024


class Mode(Enum):
    """How the octets of a vector are cut."""

    WHOLE = "whole"
    OCTETS = "octet by octet"
    CUTS = "cut"


def octets_of(vector: Vector) -> int:
    """Return how many octets are written for *vector*, by the client or by the server that is played."""
    return sum(len(octets) * count for octets, count in _texts(vector))


def modes_of(vector: Vector) -> list[Mode]:
    """Return the ways in which *vector* can be sent that differ."""
    if not any(len(octets) > 1 for octets, _ in _texts(vector)):
        return [Mode.WHOLE]
    return [Mode.WHOLE, *([Mode.OCTETS] if octets_of(vector) < MAX_SINGLE_OCTETS else []), Mode.CUTS]


def _texts(vector: Vector) -> Iterator[tuple[bytes, int]]:
    """Yield what is written, and how often; what a vector itself cuts stays as it is."""
    for step in vector.steps:
        match step:
            case Write(octets) | Early(octets):
                yield octets, 1
            case Repeat(count, octets):
                yield octets, count
    for line in vector.script:
        yield line.reply, line.times


def pieces(octets: bytes, mode: Mode, random: Random) -> list[bytes]:
    """Cut *octets* as *mode* says."""
    if mode is Mode.OCTETS:
        return [octets[at : at + 1] for at in range(len(octets))]
    if mode is Mode.WHOLE or len(octets) < 2:
        return [octets]
    count = random.randint(1, min(_MAX_CUTS, len(octets) - 1))
    places = sorted(random.sample(range(1, len(octets)), count))
    return [octets[start:end] for start, end in pairwise([0, *places, len(octets)])]


def blocks(octets: bytes, count: int) -> list[bytes]:
    """Return *octets* that are written *count* times, in blocks of whole repetitions."""
    if not octets:
        return []
    per_block = max(1, _BLOCK_OCTETS // len(octets))
    full, rest = divmod(count, per_block)
    return [octets * per_block] * full + ([octets * rest] if rest else [])
