"""What the MX records of a domain say: who takes its mail, or that nobody does (RFC 5321 §5.1, RFC 7505).

10 a.example.com, 20 b.example.com    two exchangers, the best of them first
nothing, but the domain exists        the domain itself
0 .                                   nobody, for good
"""

from __future__ import annotations

from typing import NamedTuple

from smtpdsl.ir.host_name import host_name_problem
from smtpdsl.mail.idn import folded_name
from smtpdsl.runtime.net.name_servers import Records
from smtpdsl.runtime.protocol.client_verdicts import Verdict, permanent, temporary

# Of one domain, in one attempt.
MAX_EXCHANGERS = 20
# RFC 7505, and what OpenSMTPD takes for the same.
_NOBODY = frozenset({".", "localhost"})


class Exchanger(NamedTuple):
    """A host that a record names."""

    preference: int
    name: str


def exchangers_of(domain: str, records: Records) -> list[Exchanger] | Verdict:
    """Return the exchangers that *records* name, the best of them first."""
    if not records.exists:
        return permanent(f"the domain {domain} does not exist", "5.1.2")
    if not records.values:
        # RFC 5321 §5.1: then the domain is its own exchanger.
        return [Exchanger(0, domain)]
    pairs = (each.partition(" ") for each in records.values)
    listed = sorted(Exchanger(int(preference), name) for preference, _, name in pairs)
    if all(folded_name(each.name) in _NOBODY or each.name in _NOBODY for each in listed):
        return permanent(f"the domain {domain} accepts no mail: it says so with a null MX", "5.1.10")
    usable = [each for each in listed if _is_host(each.name)]
    if not usable:
        return temporary(f"the domain {domain} has no exchanger whose name could be one", "4.4.4")
    return usable[:MAX_EXCHANGERS]


def _is_host(name: str) -> bool:
    """Whether *name* can be a host; what looks like an address is none (RFC 5321 §2.3.5)."""
    return folded_name(name) not in _NOBODY and not host_name_problem(name) and not name.rpartition(".")[2].isdigit()
