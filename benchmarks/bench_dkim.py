"""How long a signature takes; `make bench-dkim` runs it.

Text of 4 KiB, 10 KiB and 1 MiB and an attachment of 25 MiB, signed with a key of RSA, of Ed25519, and
with both.  The text has what costs most: tabs, and several blanks in a row.  The time is that of the
processor.  Beside it stands dkimpy, with the key of RSA, where that is not too long.  Last comes the
same as JSON.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from benchmarks.spread import Spread
from smtpdsl.mail.address import ReversePath
from smtpdsl.mail.dkim_key import new_key, read_key
from smtpdsl.runtime.dkim.keys import KnownKey
from smtpdsl.runtime.dkim.signing import sign

# Milliseconds for 10 KiB with RSA.
BAR = 2.0
NOW = 1_790_000_000.0
HEADER = (
    b"Received: from client.example by mx.example.org; Sun, 22 Nov 2026 12:00:00 +0000\nFrom: Ann <ann@example.org>\n"
    b"To: joe@away.example\nSubject: a message\nDate: Sun, 22 Nov 2026 12:00:00 +0000\nMessage-ID: <1@example.org>\n\n"
)
BLOCK_OCTETS = 256 * 1024
# What dkimpy is not asked for.
LONG = 100_000


class Case(NamedTuple):
    """A message, and how often it is signed in a round."""

    name: str
    content: bytes
    times: int


def text(octets: int) -> bytes:
    """Write lines of words."""
    line = b"Some words of a line,  with two blanks, and\ta tab, as people write them.\n"
    return HEADER + line * (octets // len(line))


def attachment(octets: int) -> bytes:
    """Write lines of base64."""
    return HEADER + base64.encodebytes(random.Random(0).randbytes(octets * 3 // 4))  # noqa: S311 - no secret


CASES = (
    Case("4 KiB", text(4 * 1024), 200),
    Case("10 KiB", text(10 * 1024), 200),
    Case("1 MiB", text(1024 * 1024), 5),
    Case("25 MiB, base64", attachment(25 * 1024 * 1024), 1),
)


def blocks(content: bytes) -> Iterator[bytes]:
    """Cut *content* as it is read from a file."""
    return (content[at : at + BLOCK_OCTETS] for at in range(0, len(content), BLOCK_OCTETS))


def milliseconds(work: Callable[[], object], count: int, runs: int) -> Spread:
    """Measure *work*."""
    values = []
    for _ in range(runs):
        start = time.process_time()
        for _ in range(count):
            work()
        values.append((time.process_time() - start) / count * 1000)
    return Spread(values)


def signing(case: Case, keys: Sequence[KnownKey]) -> Callable[[], object]:
    """Return what signs *case* with *keys*."""
    return lambda: sign(blocks(case.content), ReversePath(), lambda _: keys, NOW)


def dkimpy(case: Case, pem: bytes) -> Callable[[], object] | None:
    """Return what signs *case* with dkimpy, if it is installed."""
    try:
        import dkim  # noqa: PLC0415 - of the tests
    except ImportError:
        return None
    received = case.content.replace(b"\n", b"\r\n")
    return lambda: dkim.sign(received, b"rsa", b"example.org", pem, canonicalize=(b"relaxed", b"relaxed"))


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=7, help="of each measurement (default: 7)")
    runs = options.parse_args().runs

    pem = new_key()
    rsa = KnownKey("example.org", "rsa", read_key(pem))
    ed25519 = KnownKey("example.org", "ed", read_key(new_key(is_ed25519=True)))
    print(f"{'milliseconds':<16} {'RSA':>22} {'Ed25519':>22} {'both':>22} {'dkimpy, RSA':>22}")
    results: dict[str, object] = {"benchmark": "dkim", "bar": BAR}
    for case in CASES:
        works = {
            "rsa": signing(case, [rsa]),
            "ed25519": signing(case, [ed25519]),
            "both": signing(case, [rsa, ed25519]),
        }
        if len(case.content) < LONG and (theirs := dkimpy(case, pem)) is not None:
            works["dkimpy"] = theirs
        found = {name: milliseconds(work, case.times, runs) for name, work in works.items()}
        cells = [f"{each.median:.2f} ({each.low:.2f}-{each.high:.2f})" for each in found.values()]
        print(f"{case.name:<16} " + " ".join(f"{cell:>22}" for cell in cells))
        results[case.name] = {name: each.median for name, each in found.items()}
    print(f"at most {BAR} for 10 KiB with RSA")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
