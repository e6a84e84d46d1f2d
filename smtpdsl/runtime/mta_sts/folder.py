"""The policies that are known, on disk: those who knew one go on by it when nobody can tell (RFC 8461 §3.3).

    SPOOL/mta-sts/example.com        {"id": "20260301", "fetched": 1772323200, "policy": ["version: STSv1", …]}

A file is whole or it is not there.  Every method may block, and runs in a thread.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from smtpdsl.mail.mta_sts import Policy, parse_policy

FOLDER = "mta-sts"
MAX_POLICIES = 10_000
MAX_OCTETS = 64 * 1024 * 1024
# No domain begins with it.
_UNFINISHED = ".new"


class KnownPolicy(NamedTuple):
    """A policy, the id that its domain had for it, and when it was fetched, in seconds since 1970."""

    policy: Policy
    identifier: str
    fetched: float

    @property
    def expires(self) -> float:
        """When it holds no longer."""
        return self.fetched + self.policy.seconds


class PolicyFolder:
    """A folder with one file for each domain; where there are too many, the oldest goes."""

    def __init__(self, path: str | Path, most: int = MAX_POLICIES, most_octets: int = MAX_OCTETS) -> None:
        """Keep at most *most* policies in the folder *path*, which is made when there is one to keep."""
        self._path = Path(path)
        self._most = most
        self._most_octets = most_octets
        # Octets by domain, the oldest first; None until somebody has looked.
        self._sizes: dict[str, int] | None = None

    def read(self, domain: str) -> KnownPolicy | None:
        """Return what is known of *domain*; what cannot be read is unknown."""
        try:
            found = json.loads((self._path / domain).read_text(encoding="utf-8"))
            policy = parse_policy("\n".join(found["policy"]))
            return KnownPolicy(policy, str(found["id"]), float(found["fetched"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def write(self, domain: str, known: KnownPolicy) -> None:
        """Keep *known*.

        Raises:
            OSError: It cannot be kept.
        """
        facts = {"id": known.identifier, "fetched": known.fetched, "policy": known.policy.lines}
        octets = json.dumps(facts, indent=1).encode("ascii")
        self._path.mkdir(mode=0o700, exist_ok=True)
        sizes = self._known_sizes()
        unfinished = self._path / _UNFINISHED
        with unfinished.open("wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        # What `older_than` goes by, without opening them all.
        os.utime(unfinished, (known.fetched, known.fetched))
        unfinished.replace(self._path / domain)
        sizes.pop(domain, None)
        sizes[domain] = len(octets)
        self._drop_oldest(sizes)

    def older_than(self, moment: float) -> list[str]:
        """Return the domains whose policies were fetched before *moment*."""
        return [domain for domain in self._known_sizes() if self._fetched(domain) < moment]

    def remove(self, domain: str) -> None:
        """Forget the policy of *domain*, if there is one."""
        self._known_sizes().pop(domain, None)
        with suppress(OSError):
            (self._path / domain).unlink()

    def _fetched(self, domain: str) -> float:
        try:
            return (self._path / domain).stat().st_mtime
        except OSError:
            return 0.0

    def _known_sizes(self) -> dict[str, int]:
        if self._sizes is None:
            self._sizes = {}
            with suppress(OSError), os.scandir(self._path) as entries:
                found = sorted((each.stat().st_mtime, each.name, each.stat().st_size) for each in entries)
                self._sizes = {name: size for _, name, size in found if not name.startswith(".")}
        return self._sizes

    def _drop_oldest(self, sizes: dict[str, int]) -> None:
        total = sum(sizes.values())
        while len(sizes) > 1 and (len(sizes) > self._most or total > self._most_octets):
            oldest = next(iter(sizes))
            total -= sizes[oldest]
            self.remove(oldest)
