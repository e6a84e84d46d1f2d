"""Who says whether a signature is good: dkimpy, and Mail::DKIM of Perl, with a DNS that knows our keys."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import dkim

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.dkim_key import new_key, read_key
from smtpdsl.runtime.dkim.keys import KnownKey
from smtpdsl.runtime.dkim.signing import sign
from tests.peers import Peer

RSA = KnownKey("example.org", "rsa", read_key(new_key()))
ED25519 = KnownKey("example.org", "ed", read_key(new_key(is_ed25519=True)))
LISTS = KnownKey("lists.example.org", "lists", read_key(new_key(is_ed25519=True)))
KEYS = (RSA, ED25519, LISTS)
NOW = 1_790_000_000.0


class Verdict(NamedTuple):
    """What is said of one signature."""

    selector: str
    domain: str
    is_good: bool


def judge(received: bytes, keys: Sequence[KnownKey] = KEYS) -> list[Verdict]:
    """Judge every signature of a message as it was received, with CR LF at the end of each line."""
    records = {f"{each.selector}._domainkey.{each.domain}.".encode(): each.key.record().encode() for each in keys}

    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        del timeout
        return records.get(name)

    found = []
    count = sum(each.lower() == b"dkim-signature" for each, _ in dkim.rfc822_parse(received)[0])
    for number in range(count):
        verifier = dkim.DKIM(received)
        try:
            is_good = verifier.verify(idx=number, dnsfunc=ask)
        except dkim.ValidationError:
            is_good = False
        fields = verifier.signature_fields
        found.append(Verdict(fields[b"s"].decode(), fields[b"d"].decode(), is_good))
    return found


def judge_with_perl(peer: Peer, received: bytes) -> list[str]:
    """Judge every signature; this one knows RSA alone."""
    records = [f"{each.selector}._domainkey.{each.domain}={each.key.record()}" for each in KEYS]
    program = Path(__file__).with_name("verify.pl")
    done = subprocess.run(
        ["/usr/bin/perl", program, *records],
        input=received,
        env=peer.environment,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return done.stdout.decode().splitlines()


def choose(domain: str) -> Sequence[KnownKey]:
    """Have keys for two domains."""
    return [each for each in KEYS if each.domain == domain]


def signed(content: bytes, *, sender: str = "", cut: int = 0) -> bytes:
    """Return *content*, as the queue has it, as a server gets it; *cut* is the length of the pieces that are signed."""
    pieces = [content[at : at + cut] for at in range(0, len(content), cut)] if cut else [content]
    reverse_path = ReversePath(mailbox=Mailbox.parse(sender)) if sender else ReversePath()
    prefix = sign(pieces, reverse_path, choose, NOW)
    return as_sent(prefix + content)


def as_sent(content: bytes) -> bytes:
    """Return *content* as it goes over the wire, but for the dots."""
    text = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    text += b"" if text.endswith(b"\n") else b"\n"
    return text.replace(b"\n", b"\r\n")
