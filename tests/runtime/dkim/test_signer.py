"""Which messages are signed, with which keys, and how often."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.resolved import DkimKey
from smtpdsl.ir.syntax import Word
from smtpdsl.mail.address import ReversePath
from smtpdsl.mail.dkim_key import new_key
from smtpdsl.mail.envelope import LOCAL, Client
from smtpdsl.runtime.delivery.content import ContentError
from smtpdsl.runtime.dkim.keys import DkimSetupError, Keys
from smtpdsl.runtime.dkim.signer import Signer
from smtpdsl.runtime.interfaces import Content, InlineContent, QueuedMessage, SpooledContent
from tests.certificates import rsa_key

OCTETS = b"From: ann@example.org\nSubject: x\n\nhello\n"
HERE = "192.0.2.1"
TEXT = Source("smtpd.conf", 'dkim-sign "s._domainkey.example.org" key "/s.key"\n')


class Lines:
    """A log."""

    def __init__(self) -> None:
        """Be empty."""
        self.lines: list[str] = []

    def event(self, subject: str, name: str, values: object) -> None:
        """Expect none."""
        raise AssertionError((subject, name, values))

    def info(self, text: str) -> None:
        """Keep it."""
        self.lines.append(text)

    def warn(self, text: str) -> None:
        """Keep it."""
        self.lines.append(text)


class Place:
    """A folder with the key ``/s.key``, and clocks that somebody sets."""

    def __init__(self, folder: Path) -> None:
        """Make the key."""
        self.folder = folder
        self.key = folder / "s.key"
        self.key.write_bytes(new_key(is_ed25519=True))
        self.log = Lines()
        self.moment = 1_790_000_000.0
        self.now = 0.0

    def keys(self, selector: str = "s") -> Keys:
        """Read it."""
        word = Word(span=TEXT.whole(), text="/s.key")
        statement = DkimKey(span=TEXT.whole(), selector=selector, domain="example.org", key=word)
        return Keys([statement], lambda path: f"{self.folder}{path}", self.log, now=lambda: self.now)

    def signer(self) -> Signer:
        """Sign with it."""
        return Signer(self.keys(), (HERE, "[2001:db8::1]"), lambda: self.moment)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Make a place."""
    return Place(tmp_path)


def message(client: Client | None = None, content: Content | bytes = OCTETS, number: int = 1) -> QueuedMessage:
    """Return a message of the queue; nobody else than this host sends it, if *client* is not given."""
    kept = InlineContent(content) if isinstance(content, bytes) else content
    return QueuedMessage(number, ReversePath(), client or Client(source=LOCAL), 0.0, kept)


@pytest.mark.parametrize(
    ("client", "is_signed"),
    [
        (Client(source=LOCAL), True),
        (Client(source=HERE), True),
        (Client(source="[2001:db8::1]"), True),
        (Client(source="203.0.113.9", login="ann"), True),
        (Client(source="203.0.113.9"), False),
        (Client(source="203.0.113.9", rdns="mx.example.org", tls=True), False),
    ],
)
def test_what_this_host_vouches_for_is_signed(place: Place, client: Client, is_signed: bool) -> None:  # noqa: FBT001
    """And nothing that somebody else has sent, whatever it says of itself."""
    prefix = asyncio.run(place.signer().prefix(message(client)))

    assert (b"d=example.org; s=s;" in prefix.replace(b"\n\t", b" ")) is is_signed
    assert is_signed or prefix == b""


def test_a_message_is_signed_once(place: Place) -> None:
    """However many servers get it, and also if it is tried again."""

    async def run() -> list[bytes]:
        signer = place.signer()
        first = await signer.prefix(message())
        place.moment += 3600
        return [first, await signer.prefix(message()), await signer.prefix(message(number=2))]

    first, again, another = asyncio.run(run())
    assert first == again != another


def test_a_long_message_is_signed_once_for_all_who_wait(place: Place, tmp_path: Path) -> None:
    """In a thread; whoever is stopped meanwhile stops nobody else."""
    file = tmp_path / "message"
    file.write_bytes(OCTETS + b"x" * 1_000_000 + b"\n")
    long = message(content=SpooledContent(str(file), file.stat().st_size))

    async def run() -> list[bytes | BaseException]:
        signer = place.signer()
        waiting = [asyncio.ensure_future(signer.prefix(long)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        file.unlink()
        return [*found, await signer.prefix(long)]

    stopped, *others = asyncio.run(run())
    assert isinstance(stopped, asyncio.CancelledError)
    assert len(set(others)) == 1
    assert len(others) == 3


def test_a_message_that_cannot_be_read_can_be_tried_again(place: Place, tmp_path: Path) -> None:
    """What went wrong is not remembered."""
    file = tmp_path / "message"

    async def run() -> bytes:
        signer = place.signer()
        with pytest.raises(ContentError, match="No such file"):
            await signer.prefix(message(content=SpooledContent(str(file), len(OCTETS))))
        file.write_bytes(OCTETS)
        return await signer.prefix(message(content=SpooledContent(str(file), len(OCTETS))))

    assert asyncio.run(run()).startswith(b"DKIM-Signature: ")


def test_a_key_that_was_replaced_is_used_from_then_on(place: Place) -> None:
    """Mail that waits is signed anew; a file that cannot be used changes nothing, and is told once."""

    async def run() -> list[bytes]:
        signer = place.signer()
        found = [await signer.prefix(message())]
        for octets in (b"rubbish", new_key()):
            place.key.write_bytes(octets)
            place.now += 2
            found.append(await signer.prefix(message()))
            place.now += 2
            found.append(await signer.prefix(message()))
        return found

    first, kept, kept_again, new, new_again = asyncio.run(run())
    assert first == kept == kept_again
    assert (b"ed25519-sha256" in first, b"rsa-sha256" in new) == (True, True)
    assert new == new_again
    name = 'the key of "s._domainkey.example.org"'
    problem = f'cannot use the key "{place.key}" (smtpd.conf:1): it holds no private key'
    assert place.log.lines == [f"{problem}; {name} stays as it was loaded before", f"{name} is loaded anew"]


@pytest.mark.parametrize(
    ("octets", "reason"),
    [(None, "no such file or directory"), (b"", "it holds no private key"), (rsa_key(1024)[:-300].encode(), "damaged")],
)
def test_a_server_does_not_start_without_its_key(place: Place, octets: bytes | None, reason: str) -> None:
    """The sentence names the file and the line, and nothing of what is in it."""
    if octets is None:
        place.key.unlink()
    else:
        place.key.write_bytes(octets)

    with pytest.raises(DkimSetupError, match=rf'^cannot use the key "{place.key}" \(smtpd.conf:1\): .*{reason}'):
        place.keys()
