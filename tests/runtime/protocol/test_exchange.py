"""AUTH: what is read of an exchange, and what is told of it."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.exchange import MAX_EXCHANGE_OCTETS, challenge, read_auth, read_response
from smtpdsl.runtime.protocol.input_buffer import CommandLine
from smtpdsl.runtime.protocol.server import (
    Auth,
    AuthResponse,
    Limits,
    LocalProtocolError,
    Noop,
    Offer,
    Refused,
    ServerSession,
    State,
)
from tests.runtime.dialogue import take_replies
from tests.runtime.site import LOGIN, Site

MECHANISMS = ("PLAIN", "LOGIN", "SCRAM-SHA-256-PLUS")
SUBMISSION = Offer(starttls=True, needs_tls=True, auth=True, needs_auth=True)
HELLO = b"EHLO client.test\r\n"
USER, PASSWORD = (base64.b64encode(part.encode()) for part in LOGIN)
PLAIN = base64.b64encode("\0".join(("", *LOGIN)).encode())


def codes(octets: bytes) -> list[int]:
    """Return the code of each reply in *octets*."""
    return [int(lines[-1][:3]) for lines in take_replies(octets)]


def secured(limits: Limits = Limits()) -> Site:  # noqa: B008 - a value
    """Return a site whose client has brought TLS up and said EHLO."""
    site = Site(limits, SUBMISSION)
    site.hear([HELLO, b"STARTTLS\r\n"])
    site.secure()
    site.hear([HELLO])
    return site


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("argument", "command"),
    [
        ("PLAIN", Auth("PLAIN", None)),
        ("plain  AGEAYg==", Auth("PLAIN", b"\0a\0b")),
        ("LOGIN =", Auth("LOGIN", b"")),
        ("Scram-Sha-256-Plus", Auth("SCRAM-SHA-256-PLUS", None)),
    ],
)
def test_a_mechanism_and_what_is_said_with_it(argument: str, command: Auth) -> None:
    """Names in any case; no initial response is not an empty one."""
    assert read_auth(argument, MECHANISMS) == command


@pytest.mark.parametrize(
    ("argument", "refusal"),
    [
        ("", (501, "5.5.4")),
        ("CRAM-MD5", (504, "5.5.4")),
        ("SCRAM-SHA-256", (504, "5.5.4")),
        ("X" * 20, (504, "5.5.4")),
        ("X" * 21, (501, "5.5.4")),
        ("PLAIN\tAGEAYg==", (501, "5.5.4")),
        ("PLA\u0131N", (501, "5.5.4")),
        ("PLAIN !!!!", (501, "5.5.2")),
        ("PLAIN AGFsa WNl", (501, "5.5.2")),
        ("PLAIN AGEAYg", (501, "5.5.2")),
        ("PLAIN AGEAYg=", (501, "5.5.2")),
        ("PLAIN AAAA=", (501, "5.5.2")),
        ("PLAIN ==", (501, "5.5.2")),
        ("PLAIN AGEA\xff===", (501, "5.5.2")),
    ],
)
def test_what_cannot_begin_an_exchange(argument: str, refusal: tuple[int, str]) -> None:
    """And the error says nothing of what was said."""
    with pytest.raises(RemoteProtocolError) as caught:
        read_auth(argument, MECHANISMS)

    assert (caught.value.reply.code, caught.value.reply.enhanced_status) == refusal
    assert caught.value.__cause__ is None
    assert "AGE" not in str(caught.value)


@given(st.binary(max_size=60))
def test_any_octets_are_said_in_base64(octets: bytes) -> None:
    """What a client says comes out as it meant it, and a challenge is written the same way."""
    encoded = base64.b64encode(octets)

    assert read_response(CommandLine(encoded)) == AuthResponse(octets)
    assert challenge(octets) == encoded.decode()


@given(st.binary(max_size=60))
def test_any_line_is_read_or_refused(line: bytes) -> None:
    """Nothing but `RemoteProtocolError` is raised."""
    try:
        read_response(CommandLine(line))
    except RemoteProtocolError as error:
        assert error.reply.code == 501  # noqa: PT017 - some lines raise, some do not


def test_what_is_said_is_not_shown() -> None:
    """Neither by an event as it is printed, nor by what contains it."""
    said = [Auth("PLAIN", b"s3cret"), AuthResponse(b"s3cret")]

    assert repr(said) == "[Auth('PLAIN', ...), AuthResponse(...)]"
    assert "s3cret" not in f"{said[0]} {said[1]!s}"


# ---------------------------------------------------------------- exchanges


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"AUTH PLAIN " + PLAIN], [235]),
        ([b"AUTH PLAIN", PLAIN], [334, 235]),
        ([b"auth login", USER, PASSWORD], [334, 334, 235]),
        ([b"AUTH LOGIN " + USER, PASSWORD], [334, 235]),
        ([b"AUTH LOGIN =", PASSWORD], [334, 535]),
        ([b"AUTH LOGIN", b"", PASSWORD], [334, 334, 535]),
        ([b"AUTH PLAIN", b"*"], [334, 501]),
        ([b"AUTH LOGIN", USER, b"*"], [334, 334, 501]),
        ([b"AUTH PLAIN", b"!"], [334, 501]),
        ([b"AUTH PLAIN", b"="], [334, 501]),
        ([b"AUTH PLAIN", b"NO\0OP"], [334, 500]),
        ([b"AUTH PLAIN", b"A" * 12287], [334, 500]),
        ([b"AUTH PLAIN", b"QUIT"], [334, 535]),
        ([b"AUTH EXTERNAL"], [504]),
    ],
)
@pytest.mark.parametrize("is_pipelined", [False, True])
def test_an_exchange_ends_in_a_state_where_commands_are_heard(
    lines: list[bytes], expected: list[int], *, is_pipelined: bool
) -> None:
    """Whatever it came to; a client that does not wait for challenges is no other client."""
    site = secured()
    octets = [line + b"\r\n" for line in [*lines, b"NOOP"]]

    answered = site.hear([b"".join(octets)] if is_pipelined else octets)
    assert codes(answered) == [*expected, 250]
    assert site.session.is_authenticated is (235 in expected)
    assert site.session.state is State.READY


def test_lines_of_an_exchange_may_be_long() -> None:
    """RFC 4954 §4: 12288 octets with the CRLF; so may be the line that begins it, and no other."""
    longest = b"A" * 12272
    site = secured()

    assert MAX_EXCHANGE_OCTETS - 4 < len(b"AUTH PLAIN " + longest + b"\r\n") <= MAX_EXCHANGE_OCTETS
    assert codes(site.hear([b"AUTH PLAIN " + longest + b"\r\n"])) == [535]
    assert codes(site.hear([b"AUTH PLAIN " + longest + b"AAAA\r\n"])) == [500]
    assert codes(site.hear([b"AUTH PLAIN\r\n", b"A" * 12284 + b"\r\n"])) == [334, 535]
    assert codes(site.hear([b"AUTH PLAIN\r\n", b"A" * 12288 + b"\r\n"])) == [334, 500]
    assert codes(site.hear([b"NOOP " + b"x" * 2041 + b"\r\nNOOP " + b"x" * 2042 + b"\r\n"])) == [250, 500]
    for word in (b"BOGUS", b"XAUTH", b""):
        assert b"500 5.5.2 Command line too long" in site.hear([word + b" " + b"x" * 3000 + b"\r\n"])
    site.hear([b"AUTH PLAIN " + PLAIN + b"\r\n"])
    assert codes(site.hear([b"AUTH PLAIN " + longest + b"\r\n"])) == [500]
    assert all(len(event.command_line) < 100 for event in site.events if isinstance(event, Refused))


def test_giving_up_is_no_mistake_of_base64() -> None:
    """RFC 4954 §4: an asterisk alone."""
    assert b"501 5.7.0 " in secured().hear([b"AUTH PLAIN\r\n*\r\n"])
    assert b"501 5.5.2 " in secured().hear([b"AUTH PLAIN\r\n**\r\n"])


def test_a_long_challenge_is_sent_whole() -> None:
    """Lines of other replies are cut; this one would be another challenge."""
    session = ServerSession(Limits(), SUBMISSION, default_domain="mx.test")
    session.secured(("PLAIN",))
    session.greet(Reply(code=220, lines=("mx.test",)))
    session.receive_data(HELLO + b"AUTH PLAIN\r\n")
    session.next_event()
    session.reply(Reply(code=250, lines=("mx.test",)))
    session.next_event()
    session.data_to_send()
    text = challenge(b"x" * 9000)
    session.reply(Reply(code=334, lines=(text,)))

    assert session.data_to_send() == b"334 " + text.encode() + b"\r\n"
    session.receive_data(b"\r\n")
    session.next_event()
    session.reply(Reply(code=334, lines=("",)))
    assert session.data_to_send() == b"334 \r\n"


def test_an_identity_is_taken_once() -> None:
    """RFC 4954 §4: after 235 another AUTH is out of order, and EHLO offers none."""
    site = secured()
    assert b"250-AUTH PLAIN LOGIN\r\n" in site.hear([HELLO])
    assert codes(site.hear([b"AUTH PLAIN " + PLAIN + b"\r\n" + b"AUTH PLAIN " + PLAIN + b"\r\n"])) == [235, 503]
    assert b"AUTH" not in site.hear([HELLO])
    assert codes(site.hear([b"AUTH PLAIN\r\n"])) == [503]


def test_nobody_authenticates_in_a_transaction() -> None:
    """RFC 4954 §4: what the transaction is allowed was decided already."""
    site = Site(offer=SUBMISSION._replace(needs_auth=False))
    site.hear([HELLO, b"STARTTLS\r\n"])
    site.secure()
    site.hear([HELLO, b"MAIL FROM:<>\r\n"])

    assert codes(
        site.hear([b"AUTH PLAIN\r\nRCPT TO:<alice@local.test>\r\nAUTH LOGIN\r\nBDAT 0\r\nAUTH LOGIN\r\n"])
    ) == [
        503,
        250,
        503,
        250,
        503,
    ]
    assert not any(isinstance(event, Auth) for event in site.events)


@pytest.mark.parametrize(
    ("offer", "is_secure", "code"),
    [
        (Offer(), False, 502),
        (Offer(), True, 502),
        (Offer(starttls=True, auth=True), False, 538),
        (Offer(starttls=True, needs_auth=True), False, 538),
        (SUBMISSION, False, 530),
    ],
)
def test_auth_is_for_secure_channels(offer: Offer, code: int, *, is_secure: bool) -> None:
    """RFC 4954 §6: before TLS the password is not asked for; what was said of it is shown nowhere."""
    session = ServerSession(Limits(), offer, default_domain="mx.test")
    if is_secure:
        session.secured()
    session.greet(Reply(code=220, lines=("mx.test",)))
    session.receive_data(HELLO + b"AUTH PLAIN " + PLAIN + b"\r\n")
    session.next_event()
    session.reply(Reply(code=250, lines=("mx.test",)))

    refused = session.next_event()
    assert isinstance(refused, Refused)
    assert (refused.reply.code, refused.command_line) == (code, "AUTH PLAIN (...)")
    assert session.state is State.READY


def test_what_a_listener_demands_is_demanded_of_mail() -> None:
    """530 (RFC 3207 §4, RFC 4954 §6), until TLS is up and the client is known; other commands are heard."""
    site = Site(offer=SUBMISSION)
    mail = b"MAIL FROM:<a@local.test>\r\n"
    others = b"VRFY alice\r\nNOOP\r\nRSET\r\nHELP\r\n"

    assert codes(site.hear([HELLO + mail + others])) == [220, 250, 530, 530, 250, 250, 214]
    site.hear([b"STARTTLS\r\n"])
    site.secure()
    assert codes(site.hear([mail + HELLO + mail + others])) == [503, 250, 530, 530, 250, 250, 214]
    assert codes(site.hear([b"AUTH PLAIN " + PLAIN + b"\r\n" + mail + others])) == [235, 250, 252, 250, 250, 214]


# ---------------------------------------------------------------- what is told


@pytest.mark.parametrize(
    "lines",
    [
        [b"AUTH PLAIN " + PLAIN, b"BOGUS"],
        [b"AUTH PLAIN", PLAIN, b"BOGUS"],
        [b"AUTH PLAIN AGEAYg==", PASSWORD],
        [b"AUTH PLAIN", PLAIN[:-2], PASSWORD],
        [b"AUTH LOGIN", PLAIN, PASSWORD],
        [b"AUTH LOGIN", USER, b"*", PASSWORD],
        [b"AUTH LOGIN", b"!", PASSWORD],
        [b"AUTH", USER, PASSWORD],
        [b"AUTH CRAM-MD5", USER, PASSWORD],
        [b"AUTH LOGIN\0", USER, PASSWORD],
        [b" auth LOGIN", USER, PASSWORD],
        [b"MAIL FROM:<>", b"AUTH LOGIN", USER, PASSWORD],
        [b"AUTH PLAIN " + PLAIN, b"AUTH LOGIN " + USER, PASSWORD],
    ],
)
def test_nothing_of_an_exchange_is_told(lines: list[bytes]) -> None:
    """Also where the client goes on with one that was refused: its lines are then commands that nobody knows."""
    site = secured()
    site.hear([line + b"\r\n" for line in lines])

    told = [event.command_line for event in site.events if isinstance(event, Refused)]
    for secret in (USER, PASSWORD, PLAIN[:-2]):
        assert not any(secret.decode() in line for line in [*told, site.session.last_command, repr(site.events)])


def test_the_last_command_stays_while_an_exchange_goes_on() -> None:
    """Responses are no commands."""
    site = secured()
    site.hear([b"AUTH LOGIN\r\n", USER + b"\r\n"])
    assert site.session.last_command == "AUTH LOGIN (...)"

    site.hear([PASSWORD + b"\r\n", b"BOGUS\r\n"])
    assert site.session.last_command == "BOGUS"


def test_failures_count_as_errors() -> None:
    """Cancelled exchanges do as well: nobody tries for ever."""
    site = secured(Limits(max_errors=3))

    assert codes(site.hear([b"AUTH PLAIN\r\n*\r\nAUTH PLAIN\r\n!\r\nAUTH PLAIN\r\n*\r\nNOOP\r\n"])) == [
        334,
        501,
        334,
        501,
        334,
        421,
    ]
    assert site.session.is_closed


def test_only_auth_makes_known() -> None:
    """235 is no answer to anything else, and 250 none to AUTH."""
    session = ServerSession(Limits(), default_domain="mx.test")
    session.secured(("PLAIN",))
    session.greet(Reply(code=220, lines=("mx.test",)))
    session.receive_data(HELLO + b"NOOP\r\nAUTH PLAIN\r\n")
    session.next_event()
    with pytest.raises(LocalProtocolError, match="235 is no reply to Ehlo"):
        session.reply(Reply(code=235, lines=("Welcome",)))
    session.reply(Reply(code=250, lines=("mx.test",)))
    assert type(session.next_event()) is Noop
    session.reply(Reply(code=250, lines=("Ok",)))
    session.next_event()
    with pytest.raises(LocalProtocolError, match=r"250 is no reply to Auth$"):
        session.reply(Reply(code=250, lines=("Ok",)))
    assert not session.is_authenticated
