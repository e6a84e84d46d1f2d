"""The Sender Rewriting Scheme: the sender of forwarded mail becomes an address of this server.

    ann@away.example, forwarded by here.example    SRS0=HHHH=TT=away.example=ann@here.example
    SRS0=hhhh=tt=away.example=ann@there.example    SRS1=HHHH=there.example==hhhh=tt=away.example=ann@here.example
    SRS1=hhhh=there.example==…@between.example     SRS1=HHHH=there.example==…@here.example

TT is the day, HHHH is made of a key: a report to such an address is believed to be one, goes back
to where the mail came from, and only for some days.  The form is OpenSMTPD's, to the octet, so that
addresses outlive a change of server: SHA-1 of the key and of all that follows HHHH, the domain
included.  (Libraries use an HMAC of other fields.)  Pure: the time is an argument.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from smtpdsl.mail.address import AddressError, Mailbox
from smtpdsl.mail.address_syntax import MAX_LOCAL_PART_OCTETS, quote_local_part
from smtpdsl.record import Record

_DAY = 24 * 3600
# The day is counted modulo this: two digits of base 32.
_CYCLE = 1024
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
# A clock of ours may have been ahead.
_DAYS_AHEAD = 1

_SRS = re.compile("(SRS[01])=", re.IGNORECASE)
# What follows SRS0= and SRS1=.  Only the hash of our own addresses is known; other software writes + or - for a =.
_SRS0 = re.compile("(?P<hash>.{4})=(?P<signed>(?P<day>..)=(?P<domain>[^=]*)=(?P<user>.*))", re.DOTALL)
_SRS1 = re.compile("(?P<hash>.{4})=(?P<signed>(?P<domain>[^=]*)=(?P<rest>.*))", re.DOTALL)
_REST_OF_SRS0 = re.compile("[=+-].{4}[=+-](?P<day>..)[=+-].*", re.DOTALL)
_HASHED = re.compile("(.{4})[=+-](.*)", re.DOTALL)


class SrsError(Exception):
    """An address that looks like one of ours and is none, or no more; the text says why."""


def is_srs(mailbox: Mailbox) -> bool:
    """Whether *mailbox* has the form of a rewritten sender, of whatever server."""
    return _SRS.match(mailbox.local_part) is not None


class Srs(Record):
    """Who rewrites: the *key*, the one before it, and for how many *days* reports are taken."""

    key: str
    backup: str | None = None
    days: int

    def __repr__(self) -> str:
        return f"Srs(days={self.days})"

    def encode(self, sender: Mailbox, domain: str, moment: float) -> Mailbox:
        """Return the sender that forwards the mail of *sender*.

        Args:
            sender: Who sent it; it may have been rewritten before.
            domain: The domain that the mail was for, which is one of ours.
            moment: Now, in seconds since 1970.

        Returns:
            *sender* itself where the new address would be too long, or *sender* is no SRS1 address
            though it begins like one: better mail that some refuse than none.
        """
        # Whoever writes the address back may spell a domain in small letters, and the hash knows the difference.
        domain = domain.lower()
        signed = self._signed(sender, moment)
        if signed is None:
            return sender
        tag, text = signed
        local_part = f"{tag}={_hash(self.key, f'{text}@{domain}')}={text}"
        if len(local_part.encode("utf-8", "surrogateescape")) > MAX_LOCAL_PART_OCTETS:
            return sender
        return Mailbox(local_part=local_part, domain=domain)

    def decode(self, recipient: Mailbox, moment: float) -> Mailbox:
        """Return who is told of what became of a mail that was sent as *recipient*.

        Raises:
            SrsError: The address is not ours, or too old.
        """
        is_first, rest = _parted(recipient)
        found = (_SRS0 if is_first else _SRS1).fullmatch(rest)
        if found is None:
            message = "parts of it are missing"
            raise SrsError(message)
        self._check_hash(found["hash"], f"{found['signed']}@{recipient.domain}")
        if is_first:
            self._check_day(found["day"], moment)
            return _mailbox(found["user"], found["domain"])
        # The hash in there is that of another server, which will look at it.
        inner = _REST_OF_SRS0.fullmatch(found["rest"])
        if inner is None:
            message = "no address of another server is in it"
            raise SrsError(message)
        self._check_day(inner["day"], moment)
        return _mailbox(f"SRS0{found['rest']}", found["domain"])

    def returned(self, recipient: Mailbox, moment: float) -> Mailbox | str | None:
        """Do the same, and say why it fails instead of raising; None is an address of another form."""
        if not is_srs(recipient):
            return None
        try:
            return self.decode(recipient, moment)
        except SrsError as error:
            return str(error)

    def _signed(self, sender: Mailbox, moment: float) -> tuple[str, str] | None:
        """Return the tag of the new address, and what is signed but for the domain."""
        if not is_srs(sender):
            return "SRS0", f"{_day(moment)}={sender.domain}={sender.local_part}"
        is_first, rest = _parted(sender)
        if is_first:
            return "SRS1", f"{sender.domain}=={rest}"
        found = _HASHED.fullmatch(rest)
        return ("SRS1", found[2]) if found is not None else None

    def _check_hash(self, found: str, signed: str) -> None:
        octets = found.encode("utf-8", "surrogateescape")
        keys = [self.key] if self.backup is None else [self.key, self.backup]
        if any(hmac.compare_digest(_hash(key, signed).encode(), octets) for key in keys):
            return
        message = "its hash was not made with a key of this server"
        raise SrsError(message)

    def _check_day(self, digits: str, moment: float) -> None:
        if any(digit not in _DIGITS for digit in digits):
            message = "it has no date"
            raise SrsError(message)
        high, low = map(_DIGITS.index, digits)
        age = (int(moment // _DAY) - (high << 5 | low)) % _CYCLE
        if self.days < age < _CYCLE - _DAYS_AHEAD:
            message = f"it is {age} days old, and is believed for {self.days}"
            raise SrsError(message)


def _parted(mailbox: Mailbox) -> tuple[bool, str]:
    """Tell whether an address is SRS0, and return what follows its tag."""
    found = _SRS.match(mailbox.local_part)
    if found is None:
        message = "it is no SRS address"
        raise SrsError(message)
    return found[1].upper() == "SRS0", mailbox.local_part[found.end() :]


def _day(moment: float) -> str:
    number = int(moment // _DAY) % _CYCLE
    return _DIGITS[number >> 5] + _DIGITS[number & 31]


def _hash(key: str, signed: str) -> str:
    octets = (key + signed).encode("utf-8", "surrogateescape")
    # SHA-1 is what the form has; nobody can choose two texts of one hash here, without the key.
    return base64.b64encode(hashlib.sha1(octets).digest(), b"-_")[:4].decode()  # noqa: S324


def _mailbox(user: str, domain: str) -> Mailbox:
    try:
        return Mailbox.parse(f"{quote_local_part(user)}@{domain}", utf8=True)
    except AddressError as error:
        message = f"what is in it is no address: {error.message}"
        raise SrsError(message) from None
