"""What a domain says of how mail to it is to be secured: records and policies of MTA-STS (RFC 8461).

    _mta-sts.example.com TXT "v=STSv1; id=20260301T000000"        read_record ──▶ "20260301T000000"
    https://mta-sts.example.com/.well-known/mta-sts.txt           parse_policy ──▶ Policy(ENFORCE, …)
        version: STSv1
        mode: enforce
        mx: mail.example.com
        mx: *.backup.example.com
        max_age: 604800

What is not known is passed over; what is known has to be right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from smtpdsl.mail.idn import folded_name
from smtpdsl.text_error import TextError

# RFC 8461 §3.3 suggests it.
MAX_POLICY_OCTETS = 64 * 1024
# RFC 8461 §3.2: a year, in seconds.
MAX_SECONDS = 31_557_600

# sts-version = %s"v=STSv1"; a record that does not begin so is none of these           RFC 8461 §3.1
_RECORD_VERSION = re.compile(r"v=STSv1[ \t]*;")
# sts-id = %s"id=" 1*32(ALPHA / DIGIT)
_ID = re.compile(r"id=([A-Za-z0-9]{1,32})\Z")
# sts-extension = sts-ext-name "=" sts-ext-value
_RECORD_FIELD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[\x21-\x3A\x3C\x3E-\x7E]+\Z")

# sts-policy-ext-name = (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".")             RFC 8461 §3.2
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}\Z")
# sts-policy-max-age = 1*10(DIGIT)
_AGE = re.compile(r"[0-9]{1,10}\Z")
# sts-policy-mx-value = ["*."] Domain
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_PATTERN = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*\.?\Z")
_MAX_PATTERN = 255
# Nobody has so many exchangers without a star for them; a stranger's policy is kept in memory, and in results.
_MAX_PATTERNS = 100


class Mode(Enum):
    """What a sender is to do with hosts that do not fit; the value is the word of the policy."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


class Policy(NamedTuple):
    """A policy: which hosts take mail for the domain, and for how many *seconds* that holds.

    *patterns* are lower-cased; ``*.`` in front of one stands for exactly one label.
    """

    mode: Mode
    patterns: tuple[str, ...]
    seconds: int

    @property
    def lines(self) -> tuple[str, ...]:
        """The fields as a policy file has them, which a report repeats (RFC 8460 §4.4)."""
        hosts = (f"mx: {each}" for each in self.patterns)
        return ("version: STSv1", f"mode: {self.mode.value}", *hosts, f"max_age: {self.seconds}")

    def names(self, host: str) -> bool:
        """Whether *host*, an exchanger, is one of those that take mail (RFC 8461 §4.1)."""
        folded = folded_name(host)
        parent = folded.partition(".")[2]
        return folded in self.patterns or (bool(parent) and f"*.{parent}" in self.patterns)


def read_record(texts: Iterable[str]) -> str | None:
    """Return the id of the one record of MTA-STS among *texts*; None if there is none, or more than one, or a bad one.

    RFC 8461 §3.1: then the domain counts as one without a policy.
    """
    records = [each for each in texts if _RECORD_VERSION.match(each)]
    if len(records) != 1:
        return None
    _, *fields = (each.strip(" \t") for each in records[0].split(";"))
    if fields and not fields[-1]:
        fields.pop()
    if not all(_RECORD_FIELD.match(each) for each in fields):
        return None
    return next((found[1] for each in fields if (found := _ID.match(each))), None)


def parse_policy(text: str) -> Policy:
    """Read the policy *text*.

    Raises:
        TextError: A field is missing, or says what none can say; the text names the line.
    """
    first, patterns = _fields(text)
    if first.get("version") != "STSv1":
        raise _problem(text, "expected `version: STSv1` in a policy")
    mode = first.get("mode")
    if mode not in {each.value for each in Mode}:
        found = f'"{_shown(mode)}"' if mode is not None else "nothing"
        raise _problem(text, f"expected enforce, testing or none as the mode of a policy, found {found}")
    if not patterns and mode != Mode.NONE.value:
        raise _problem(text, f"expected at least one `mx` in a policy of the mode {mode}")
    return Policy(Mode(mode), tuple(dict.fromkeys(patterns)), _seconds(text, first.get("max_age")))


def _fields(text: str) -> tuple[dict[str, str], list[str]]:
    """Return the first value of each field, and all that `mx` has."""
    first: dict[str, str] = {}
    patterns: list[str] = []
    # Only LF and CR LF end a line (RFC 8461 §3.2); an empty one at the end is what editors leave.
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.removesuffix("\r").rstrip(" \t")
        if not bare:
            continue
        name, colon, value = bare.partition(":")
        value = value.lstrip(" \t")
        if not colon or not _NAME.match(name) or not value or not value.isprintable():
            raise _problem(text, f"line {number} of the policy is no field")
        first.setdefault(name, value)
        if name == "mx":
            if not _PATTERN.match(value) or len(value) > _MAX_PATTERN:
                raise _problem(text, f'"{_shown(value)}" in line {number} of the policy is no name of a host')
            patterns.append(folded_name(value))
        if len(patterns) > _MAX_PATTERNS:
            raise _problem(text, f"expected at most {_MAX_PATTERNS} `mx` in a policy, found more")
    return first, patterns


def _seconds(text: str, value: str | None) -> int:
    if value is None or not _AGE.match(value):
        found = f'"{_shown(value)}"' if value is not None else "nothing"
        raise _problem(text, f"expected a number of seconds as the max_age of a policy, found {found}")
    if int(value) > MAX_SECONDS:
        raise _problem(text, f"expected a max_age of at most {MAX_SECONDS} seconds in a policy, found {int(value)}")
    return int(value)


def _problem(text: str, message: str) -> TextError:
    return TextError(message, 0, len(text))


def _shown(value: str) -> str:
    """Write a stranger's word for a line of the log."""
    return ascii(value[:64])[1:-1]
