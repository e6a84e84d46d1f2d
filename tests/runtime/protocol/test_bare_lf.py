"""Mail data of clients that end lines with LF, where that is tolerated."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.bare_lf import BareLfMailData
from smtpdsl.runtime.protocol.mail_data import MailData
from smtpdsl.runtime.protocol.own_replies import CONTENT_HAS_NUL, CONTENT_MIXES_LINE_ENDS, CONTENT_TOO_BIG
from smtpdsl.runtime.protocol.server import Limits, Offer
from tests.runtime.dialogue import take_replies
from tests.runtime.site import Site

MAX_OCTETS = 1000
TOLERANT = Offer(tolerates_bare_lf=True)
OLD_ENVELOPE = b"HELO old.test\nMAIL FROM:<a@elsewhere.test>\nRCPT TO:<alice@local.test>\n"
ENVELOPE = OLD_ENVELOPE.replace(b"\n", b"\r\n")


def codes(octets: bytes) -> list[int]:
    """Return the code of each reply in *octets*."""
    return [int(lines[-1][:3]) for lines in take_replies(octets)]


def hear(*pieces: bytes, offer: Offer = TOLERANT) -> tuple[list[int], list[bytes]]:
    """Return the codes of the replies to *pieces*, and the content of what was accepted."""
    site = Site(Limits(max_message_octets=MAX_OCTETS), offer)
    answered = site.hear(pieces)
    return codes(answered)[1:], [message.content for message in site.messages]


def test_an_old_client_is_understood() -> None:
    """Each line of its session ends in LF."""
    said = OLD_ENVELOPE + b"DATA\nSubject: t\n\n..\n.x\nx\n.\nQUIT\n"

    assert hear(said) == ([250, 250, 250, 354, 250, 221], [b"Subject: t\n\n.\nx\nx\n"])
    assert hear(*(bytes([octet]) for octet in said)) == hear(said)


def test_a_client_may_mix_line_ends_of_commands() -> None:
    """Nobody else can have written those."""
    assert hear(b"HELO old.test\nNOOP\r\nNOOP\nNO\rOP\nNO\0OP\nNOOP\n") == ([250, 250, 250, 500, 500, 250], [])


def test_lines_of_old_clients_are_limited_too() -> None:
    """A line that is too long is answered once, however it ends."""
    assert hear(b"NOOP " + b"x" * 3000 + b"\nNOOP\n") == ([500, 250], [])


def test_elsewhere_a_bare_lf_ends_the_session() -> None:
    """Only a listener that says so tolerates it."""
    assert hear(OLD_ENVELOPE, offer=Offer()) == ([500], [])


@pytest.mark.parametrize(
    ("end_of_data", "content"),
    [
        (b"x\r\ny\nz\r\n.\r\n", b"x\ny\nz\n"),
        (b"x\n\r\n.\r\n", b"x\n\n"),
        (b"x\n.\ny\r\n.\r\n", b"x\n.\ny\n"),
        (b"x\n.\r\ny\r\n.\r\n", b"x\n.\ny\n"),
        (b"x\r\n.\ny\r\n.\r\n", b"x\n\ny\n"),
        (b"x\n..\r\n..\r\n.\r\n", b"x\n..\n.\n"),
        (b"\n.\r\n\r\n.\r\n", b"\n.\n\n"),
    ],
)
def test_a_message_that_crlf_asked_for_ends_in_crlf_only(end_of_data: bytes, content: bytes) -> None:
    """Whatever a server took for text stays text: no LF before or after a dot ends it, and none hides a dot."""
    said = ENVELOPE + b"DATA\r\n" + end_of_data + b"NOOP\r\n"

    assert hear(said) == ([250, 250, 250, 354, 250, 250], [content])
    assert hear(*(bytes([octet]) for octet in said)) == hear(said)


@pytest.mark.parametrize(
    "end_of_data",
    [
        b"x\r\n.\r\nMAIL FROM:<evil@elsewhere.test>\r\n\n.\n",
        b"x\n.\r\nMAIL FROM:<evil@elsewhere.test>\n.\n",
        b"x\r\n.\n",
        b"x\ry\n.\n",
        b"\r\n.\n",
    ],
)
def test_a_message_that_lf_asked_for_holds_no_cr(end_of_data: bytes) -> None:
    """It ends at LF "." LF, and with a CR in it, it is refused there: nothing is in both forms."""
    said = OLD_ENVELOPE + b"DATA\n" + end_of_data + b"NOOP\n"

    assert hear(said) == ([250, 250, 250, 354, 550, 250], [])
    assert hear(*(bytes([octet]) for octet in said)) == hear(said)


def test_chunks_may_hold_lines_of_both_kinds() -> None:
    """They have a length, so no line ends them."""
    assert hear(ENVELOPE + b"BDAT 8\nx\r\ny\n.\n\r" + b"BDAT 1 LAST\n\n") == (
        [250, 250, 250, 250, 250],
        [b"x\ny\n.\n\n"],
    )


# ---------------------------------------------------------------- any octets


def meaning(octets: bytes) -> tuple[bytes, Reply | None, bytes] | None:
    """Say what *octets* mean, slowly: the content, what is wrong with it, and what follows."""
    end = (b"\n" + octets).find(b"\n.\n")
    if end < 0:
        return None
    raw, rest = octets[:end], octets[end + 2 :]
    if b"\0" in raw:
        return b"", CONTENT_HAS_NUL, rest
    if b"\r" in raw:
        return b"", CONTENT_MIXES_LINE_ENDS, rest
    content = b"\n".join(line.removeprefix(b".") for line in raw.split(b"\n"))
    return content, CONTENT_TOO_BIG if len(content) > MAX_OCTETS else None, rest


def read(pieces: list[bytes]) -> tuple[bytes, Reply | None, bytes] | None:
    """Read *pieces*; None if they do not hold the end."""
    data = BareLfMailData(MAX_OCTETS)
    content = b""
    for number, piece in enumerate(pieces):
        octets, used = data.receive(piece)
        content += octets
        if data.is_complete:
            rest = piece[used:] + b"".join(pieces[number + 1 :])
            assert data.problem is not None or data.size == len(content)
            return b"" if data.problem and data.problem is not CONTENT_TOO_BIG else content, data.problem, rest
        assert used == len(piece)
    return None


parts = st.sampled_from([b"\n", b"\n", b".", b"\n.", b"..", b"\r\n", b"\0", b"x", b"\n.\n", b"\r\n.\r\n", b"y" * 500])
mostly_lines = st.lists(st.sampled_from([b"\n", b"\n.", b"x", b".", b"\xe9", b"y" * 300]))


@given(st.lists(parts) | mostly_lines, st.lists(st.integers(0, 2000), max_size=5))
@example([b".\n"], [1])
@example([b"x\n.", b"\n"], [3])
@example([b"x\r\n.\n"], [2])
def test_bulk_operations_mean_what_lines_mean(drawn: list[bytes], places: list[int]) -> None:
    """Reading in pieces of any size gives what reading line by line would."""
    octets = b"".join(drawn)
    cuts = sorted(place % (len(octets) + 1) for place in places)
    pieces = [octets[start:end] for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True)]

    found, meant = read(pieces), meaning(octets)
    assert (found is None) is (meant is None)
    if found is not None and meant is not None:
        assert found[1:] == meant[1:]
        assert found[1] is not None or found == meant


crlf_parts = st.lists(st.sampled_from([b"\r\n", b"\n", b".", b"..", b"x", b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r\n."]))


@given(crlf_parts)
def test_tolerance_moves_no_end(drawn: list[bytes]) -> None:
    """A message that CRLF asked for ends where it ends for everybody; only what its text may hold is another matter."""
    octets = b"".join(drawn) + b"\r\n.\r\nNOOP\r\n"
    strict, tolerant = MailData(MAX_OCTETS), MailData(MAX_OCTETS, tolerates_bare_lf=True)
    expected, used = strict.receive(octets)
    found, used_too = tolerant.receive(octets)

    assert (used, strict.is_complete) == (used_too, tolerant.is_complete)
    assert tolerant.problem is None
    assert tolerant.size == len(found)
    assert strict.problem is not None or found == expected


def test_messages_share_nothing() -> None:
    """Each says for itself how its lines end."""
    site = Site(offer=TOLERANT)
    site.hear([OLD_ENVELOPE + b"DATA\nx\n.\n" + OLD_ENVELOPE + b"DATA\r\nx\n.\ny\r\n.\r\n"])

    assert [message.content for message in site.messages] == [b"x\n", b"x\n.\ny\n"]
