"""What is said in a session: filters at each moment, logins, and mail that begins its way here."""

from __future__ import annotations

import ssl
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from scramp import ScramClient

from smtpdsl.runtime.credentials.scram_secret import scram_keys
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.interfaces import InlineContent
from tests.certificates import make_pair
from tests.runtime.net.places import TOWN, Client, Place, play

MAIL = "EHLO c.test\r\nMAIL FROM:<eve@away.test>\r\nRCPT TO:<alice@local.test>\r\nDATA\r\n"
MESSAGE = "Subject: x\r\nDate: Sun, 22 Nov 2026 12:46:37 +0000\r\nMessage-ID: <1@away.test>\r\n\r\nbody\r\n.\r\n"


def filtered(*filters: str) -> str:
    """Return the town with *filters*, which are asked in order."""
    names = ", ".join(f"f{number}" for number, _ in enumerate(filters))
    written = "".join(f"filter f{number} phase {each}\n" for number, each in enumerate(filters))
    return written + TOWN.replace("tag inside", f"tag inside filter {{ {names} }}")


def content(place: Place) -> bytes:
    """Return the one message that the queue got."""
    (submission,) = place.intake.submissions
    assert isinstance(submission.content, InlineContent)
    return submission.content.octets


# ---------------------------------------------------------------- filters


@pytest.mark.parametrize(
    ("phase", "condition", "codes"),
    [
        ("helo", 'helo "c.test"', ["550"]),
        ("ehlo", 'helo "c.test"', ["250", "503", "503", "503"]),
        ("mail-from", 'mail-from "eve@away.test"', ["250", "550", "503", "503"]),
        ("rcpt-to", 'rcpt-to "alice@local.test"', ["250", "250", "550", "503"]),
        ("data", "src 127.0.0.1", ["250", "250", "250", "550"]),
    ],
)
def test_a_filter_refuses_a_command_and_the_session_goes_on(phase: str, condition: str, codes: list[str]) -> None:
    """With the reply that is written; the log names the filter and its line."""
    said = "HELO c.test\r\n" if phase == "helo" else MAIL

    async def scene(_: Place, client: Client) -> None:
        heard = await client.codes(said, count=len(codes))
        assert heard == (["550", *codes[1:]] if phase == "ehlo" else codes)
        assert await client.codes("NOOP\r\n") == ["250"]

    place = play(scene, text=filtered(f'{phase} match {condition} reject "550 5.7.1 not you"'))
    refusal = place.log.named("smtp failed-command")[0]
    assert (refusal["result"], refusal["filter"], refusal["rule"]) == ("550 5.7.1 not you", "f0", "smtpd.conf:1")


def test_a_filter_refuses_a_message_at_its_end() -> None:
    """Nothing of it is kept, and the next one is another question."""

    async def scene(_: Place, client: Client) -> None:
        await client.say(MAIL, count=4)
        assert await client.say(MESSAGE) == [["554 5.6.0 not this"]]
        assert await client.codes("MAIL FROM:<ann@away.test>\r\n") == ["250"]

    place = play(scene, text=filtered('commit match mail-from "eve@away.test" reject "554 5.6.0 not this"'))
    assert place.intake.submissions == []


def test_a_filter_ends_the_session_before_it_begins() -> None:
    """In the place of a greeting."""

    async def scene(_: Place, client: Client) -> None:
        assert await client.rest() == b"521 5.3.2 go away\r\n"

    play(scene, text=filtered('connect match src 127.0.0.1 disconnect "521 5.3.2 go away"'), is_greeted=False)


def test_a_client_that_is_refused_at_the_door_may_only_leave() -> None:
    """RFC 5321 §3.1."""

    async def scene(_: Place, client: Client) -> None:
        assert await client.codes("") == ["554"]
        assert await client.codes("EHLO c.test\r\nQUIT\r\n", count=2) == ["503", "221"]

    play(scene, text=filtered('connect match !fcrdns reject "554 5.7.25 who are you"'), is_greeted=False)


def test_junk_is_marked() -> None:
    """In front of the trace, where the delivery looks for it."""

    async def scene(_: Place, client: Client) -> None:
        await client.say(MAIL, count=4)
        assert await client.codes(MESSAGE) == ["250"]

    place = play(scene, text=filtered('mail-from match mail-from "eve@away.test" junk'))
    assert content(place).startswith(b"X-Spam: Yes\nReceived: ")


def test_a_recipient_is_rewritten_before_the_rules_decide() -> None:
    """And it is the new one that the log and the queue know."""

    async def scene(_: Place, client: Client) -> None:
        await client.say(MAIL, count=4)
        assert await client.codes(MESSAGE) == ["250"]

    place = play(scene, text=filtered('rcpt-to match rcpt-to "alice@local.test" rewrite "<bob@local.test>"'))
    assert [str(each.recipient) for each in place.intake.submissions[0].envelopes] == ["bob@local.test"]


def test_who_is_let_pass_is_asked_nothing_more() -> None:
    """A bypass holds for the rest of the session."""
    text = filtered("connect match src 127.0.0.1 bypass", 'rcpt-to match src 127.0.0.1 reject "550 5.7.1 no"')

    async def scene(_: Place, client: Client) -> None:
        assert await client.codes(MAIL, count=4) == ["250", "250", "250", "354"]

    play(scene, text=text)


# ---------------------------------------------------------------- logins

PASSWORD = "s3cret pass"  # noqa: S105 - of nobody
KEYS = scram_keys(Secret(PASSWORD.encode()), b"saltsaltsalt", 4096).entry
SECURE = f"""pki "mx" cert "/mx.crt" key "/mx.key"
table people {{ ann = "{KEYS}" }}
{TOWN.replace("tag inside", 'tag inside tls pki "mx" auth <people>')}"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a certificate."""
    pair = make_pair("mx.test")
    (tmp_path / "mx.crt").write_text(pair.certificate)
    (tmp_path / "mx.key").write_text(pair.key)
    (tmp_path / "mx.key").chmod(0o600)
    return tmp_path


def trusting() -> ssl.SSLContext:
    """A client's context that asks nobody who the server is."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def log_in_with_scram(client: Client, password: str) -> list[str]:
    """Log in as ann, and return the code of the last reply and what it came with."""
    scram = ScramClient(["SCRAM-SHA-256"], "ann", password)
    first = b64encode(scram.get_client_first().encode()).decode()
    ((challenge,),) = await client.say(f"AUTH SCRAM-SHA-256 {first}\r\n")
    scram.set_server_first(b64decode(challenge[4:]).decode())
    final = b64encode(scram.get_client_final().encode()).decode()
    ((answer,),) = await client.say(f"{final}\r\n")
    if answer.startswith("334 "):
        scram.set_server_final(b64decode(answer[4:]).decode())
        ((answer,),) = await client.say("\r\n")
    return answer.split()[:2]


def test_a_login_by_scram(root: Path) -> None:
    """Offered where every entry has keys for it; the password does not cross the wire, nor the log."""

    async def scene(_: Place, client: Client) -> None:
        await client.say("EHLO c.test\r\nSTARTTLS\r\n", count=2)
        await client.secure(trusting())
        (offered,) = await client.say("EHLO c.test\r\n")
        assert "250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN" in offered
        assert await client.codes("MAIL FROM:<ann@local.test>\r\n") == ["530"]
        assert await log_in_with_scram(client, "wrong") == ["535", "5.7.8"]
        assert await log_in_with_scram(client, PASSWORD) == ["235", "2.7.0"]
        assert await client.codes("AUTH PLAIN\r\n") == ["503"]
        assert await client.codes(MAIL[MAIL.index("MAIL") :] + MESSAGE, count=4) == ["250", "250", "354", "250"]

    place = play(scene, text=SECURE, root=root)
    assert place.intake.submissions[0].client.login == "ann"
    assert b" with ESMTPSA id " in content(place)
    results = [(each["user"], each["result"]) for each in place.log.named("smtp authentication")]
    assert results == [("ann", "permfail"), ("ann", "ok")]
    assert "s3cret" not in str(place.log.events)


def test_what_was_said_in_the_clear_is_forgotten(root: Path) -> None:
    """RFC 3207 §4.2, with everything that somebody may have put behind STARTTLS."""

    async def scene(_: Place, client: Client) -> None:
        await client.say("EHLO before.test\r\n")
        assert await client.codes("STARTTLS\r\nMAIL FROM:<eve@away.test>\r\n") == ["220"]
        await client.secure(trusting())
        assert await client.codes("MAIL FROM:<ann@local.test>\r\n") == ["503"]
        assert await client.codes("EHLO after.test\r\nSTARTTLS\r\n", count=2) == ["250", "503"]

    play(scene, text=SECURE, root=root)


def test_a_client_that_speaks_no_tls_is_left(root: Path) -> None:
    """The log says why; nothing of it reaches the protocol."""

    async def scene(_: Place, client: Client) -> None:
        await client.say("EHLO c.test\r\nSTARTTLS\r\n", count=2)
        client.writer.write(MAIL.encode())
        alert = await client.rest()
        assert alert[:1] in {b"\x15", b""}

    (end,) = play(scene, text=SECURE, root=root).log.named("smtp disconnected")
    assert end == {"reason": "tls-accept-failed", "why": "the handshake fails: it does not speak TLS"}


def test_tls_from_the_first_octet(root: Path) -> None:
    """The greeting comes behind the handshake."""
    text = SECURE.replace(" tls pki ", " smtps pki ")

    async def scene(_: Place, client: Client) -> None:
        await client.secure(trusting())
        assert await client.codes("") == ["220"]
        (offered,) = await client.say("EHLO c.test\r\n")
        assert not any("STARTTLS" in line for line in offered)

    play(scene, text=text, root=root, is_greeted=False)


# ---------------------------------------------------------------- a proxy


def proxied(option: str = "proxy-v1") -> str:
    """Return the town behind a proxy."""
    return TOWN.replace("tag inside", f"tag inside {option}")


def test_a_proxy_says_who_the_client_is() -> None:
    """For the rules, the trace and the log."""

    async def scene(_: Place, client: Client) -> None:
        header = "PROXY TCP4 203.0.113.9 192.0.2.1 51234 25\r\n"
        assert await client.codes(header + MAIL, count=5) == ["220", "250", "250", "250", "354"]
        assert await client.codes(MESSAGE) == ["250"]

    place = play(scene, text=proxied(), is_greeted=False)
    assert place.intake.submissions[0].client.source == "203.0.113.9"
    assert b"from c.test (<unknown> [203.0.113.9])" in content(place)
    assert place.log.named("smtp connected") == [{"address": "203.0.113.9", "host": "<unknown>"}]


@pytest.mark.parametrize("said", ["EHLO c.test\r\n", "PROXY TCP4 1.2.3.4\r\n", "\0" * 20])
def test_what_is_no_proxy_gets_no_answer(said: str) -> None:
    """Whoever reaches that port and is no proxy could say to be anybody."""

    async def scene(_: Place, client: Client) -> None:
        client.writer.write(said.encode())
        assert await client.rest() == b""

    (end,) = play(scene, text=proxied(), is_greeted=False).log.named("smtp disconnected")
    assert end["reason"] == "proxy-failed"


def test_tls_behind_a_proxy(root: Path) -> None:
    """The header is in the clear, everything else is not."""
    text = SECURE.replace(" tls pki ", " proxy-v1 smtps pki ")

    async def scene(_: Place, client: Client) -> None:
        client.writer.write(b"PROXY TCP6 2001:db8::9 2001:db8::1 51234 465\r\n")
        await client.secure(trusting())
        assert await client.codes("") == ["220"]

    place = play(scene, text=text, root=root, is_greeted=False)
    assert place.log.named("smtp connected") == [{"address": "[2001:db8::9]", "host": "<unknown>"}]


# ---------------------------------------------------------------- a mail server in front


def fronted(trusted: str = "127.0.0.1") -> str:
    """Return the town with a listener that lets those who are *trusted* speak for others."""
    return TOWN.replace("tag inside", f"tag inside xclient {trusted}")


def test_a_mail_server_in_front_says_who_its_client_is() -> None:
    """For the rules, the trace and the log; the session begins anew, also a second time."""

    async def scene(_: Place, client: Client) -> None:
        ((*_lines, last),) = await client.say("EHLO front.test\r\n")
        assert last == "250 XCLIENT NAME ADDR LOGIN PORT PROTO HELO"
        assert await client.codes("XCLIENT ADDR=IPV6:2001:db8::9 NAME=a.test\r\n") == ["220"]
        assert await client.codes("MAIL FROM:<>\r\nEHLO a.test\r\n", count=2) == ["503", "250"]
        assert await client.codes("XCLIENT addr=203.0.113.9 name=[UNAVAILABLE] PORT=5 PROTO=ESMTP\r\n") == ["220"]
        assert await client.codes(MAIL, count=4) == ["250", "250", "250", "354"]
        assert await client.codes(MESSAGE) == ["250"]

    place = play(scene, text=fronted('{ 127.0.0.1, "2001:db8::9" }'))
    assert place.intake.submissions[0].client.source == "203.0.113.9"
    assert b"from c.test (<unknown> [203.0.113.9])" in content(place)
    assert [each["address"] for each in place.log.named("smtp event=xclient")] == ["[2001:db8::9]", "203.0.113.9"]
    assert [each["host"] for each in place.log.named("smtp connected")] == ["<unknown>", "a.test", "<unknown>"]


def test_a_login_is_that_of_the_server_in_front() -> None:
    """Who has logged in there has logged in here."""

    async def scene(_: Place, client: Client) -> None:
        await client.codes("EHLO front.test\r\nXCLIENT LOGIN=ann+2Bx ADDR=203.0.113.9\r\n", count=2)
        assert await client.codes(MAIL + MESSAGE, count=5) == ["250", "250", "250", "354", "250"]

    place = play(scene, text=fronted())
    assert place.intake.submissions[0].client.login == "ann+x"


@pytest.mark.parametrize("login", ["", " LOGIN=[UNAVAILABLE]", " LOGIN=[tempunavail]"])
def test_a_login_ends_when_another_client_comes(login: str) -> None:
    """Whoever is not said to have logged in has not."""

    async def scene(_: Place, client: Client) -> None:
        said = f"EHLO front.test\r\nXCLIENT LOGIN=ann\r\nEHLO front.test\r\nXCLIENT ADDR=203.0.113.9{login}\r\n"
        assert await client.codes(said, count=4) == ["250", "220", "250", "220"]
        assert await client.codes(MAIL + MESSAGE, count=5) == ["250", "250", "250", "354", "250"]

    place = play(scene, text=fronted())
    assert place.intake.submissions[0].client.login is None


@pytest.mark.parametrize("is_spoken_for_first", [True, False])
def test_the_certificate_of_a_server_in_front_is_nobody_s_login(root: Path, *, is_spoken_for_first: bool) -> None:
    """Nor can a client bind a login to a channel that is not its own."""
    front = make_pair("ann", listed=False)
    (root / "front.crt").write_text(front.certificate)
    (root / "front.key").write_text(front.key)
    options = 'auth <people> ca "fronts" xclient { 127.0.0.1, 203.0.113.9 }'
    text = 'ca "fronts" cert "/front.crt"\n' + SECURE.replace("auth <people>", options)
    context = trusting()
    context.load_cert_chain(root / "front.crt", root / "front.key")
    xclient = "XCLIENT ADDR=203.0.113.9\r\n"

    async def scene(_: Place, client: Client) -> None:
        said = f"EHLO front.test\r\n{xclient if is_spoken_for_first else ''}EHLO front.test\r\nSTARTTLS\r\n"
        await client.say(said, count=said.count("\n"))
        await client.secure(context)
        (offered,) = await client.say("EHLO front.test\r\n")
        if not is_spoken_for_first:
            assert "250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 EXTERNAL PLAIN LOGIN" in offered
            (*_greeting, offered) = await client.say(f"{xclient}EHLO c.test\r\n", count=2)
        assert "250-AUTH SCRAM-SHA-256 PLAIN LOGIN" in offered
        assert await client.codes("AUTH EXTERNAL =\r\n") == ["504"]
        assert await log_in_with_scram(client, PASSWORD) == ["235", "2.7.0"]
        # And a long answer is heard from the next client, too.
        assert await client.codes("XCLIENT ADDR=127.0.0.1\r\nEHLO c.test\r\n", count=2) == ["220", "250"]
        assert await client.codes(f"AUTH PLAIN {'A' * 2400}\r\n") == ["501"]

    play(scene, text=text, root=root)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("XCLIENT", "501"),
        ("XCLIENT ADDR", "501"),
        ("XCLIENT ADDR=", "501"),
        ("XCLIENT ADDR=2001:db8::9", "501"),
        ("XCLIENT ADDR=mail.test", "501"),
        ("XCLIENT ADDR=[UNAVAILABLE] NAME=[UNAVAILABLE]", "501"),
        ("XCLIENT ADDR=[tempunavail]", "501"),
        ("XCLIENT COLOUR=red", "501"),
        ("XCLIENT NAME=a+0Ab", "501"),
    ],
)
def test_attributes_that_say_nothing(line: str, code: str) -> None:
    """Are refused, and the client is who it was: without an address it would have the rights of the server in front."""

    async def scene(_: Place, client: Client) -> None:
        assert await client.codes(f"EHLO front.test\r\n{line}\r\nMAIL FROM:<>\r\n", count=3) == ["250", code, "250"]

    assert play(scene, text=fronted()).log.named("smtp event=xclient") == []


def test_nobody_speaks_for_others_in_the_middle_of_a_message() -> None:
    """Nor before EHLO, nor who is not trusted or was named by another: for those there is no such word."""

    async def trusted(_: Place, client: Client) -> None:
        line = "XCLIENT ADDR=203.0.113.9\r\n"
        codes = await client.codes(f"{line}EHLO a.test\r\nMAIL FROM:<>\r\n{line}", count=4)
        assert codes == ["503", "250", "250", "503"]

    async def named(_: Place, client: Client) -> None:
        said = "EHLO a.test\r\nXCLIENT ADDR=203.0.113.9\r\nEHLO c.test\r\nXCLIENT LOGIN=ann\r\n"
        assert [lines[-1][:3] for lines in await client.say(said, count=4)] == ["250", "220", "250", "500"]

    async def stranger(_: Place, client: Client) -> None:
        codes = await client.codes("EHLO a.test\r\nXCLIENT ADDR=203.0.113.9\r\n", count=2)
        assert codes == ["250", "500"]

    play(trusted, text=fronted())
    play(named, text=fronted())
    play(stranger, text=fronted("192.0.2.0/24"))


def test_what_filters_have_decided_holds_for_one_client() -> None:
    """The server in front is let pass, and whoever it speaks for is looked at."""
    filters = ("connect match src 127.0.0.1 bypass", 'mail-from match mail-from "eve@away.test" reject "550 5.7.1 no"')
    text = filtered(*filters).replace("filter {", "xclient 127.0.0.1 filter {")

    async def scene(_: Place, client: Client) -> None:
        mail = "EHLO a.test\r\nMAIL FROM:<eve@away.test>\r\nRSET\r\n"
        assert await client.codes(mail, count=3) == ["250", "250", "250"]
        assert await client.codes(f"XCLIENT ADDR=203.0.113.9\r\n{mail}", count=4) == ["220", "250", "550", "250"]

    play(scene, text=text)


def test_filters_see_the_client_that_is_spoken_for() -> None:
    """One that they refuse is not let in as anybody else either."""
    text = (
        fronted().replace("xclient", "filter no xclient")
        + 'filter no phase connect match src "203.0.113.9" reject "550 no"\n'
    )

    async def scene(_: Place, client: Client) -> None:
        assert await client.codes("EHLO a.test\r\nXCLIENT ADDR=203.0.113.9\r\n", count=2) == ["250", "550"]
        assert await client.rest() == b""

    play(scene, text=text)
