"""Whole exchanges: what is offered, and what a client comes to."""

from __future__ import annotations

import asyncio
import logging
import traceback
import unicodedata
from collections.abc import Awaitable, Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scramp import ScramClient

from smtpdsl.ir.resolved import Auth
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.runtime.credentials.directory import Directory
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.sasl import replies
from smtpdsl.runtime.sasl.authenticator import Authenticator, NotOfferedError
from smtpdsl.runtime.sasl.exchange import Authenticated, Exchange, Rejected, Step
from smtpdsl.runtime.sasl.moves import Challenge
from smtpdsl.runtime.sasl.throttle import Limits, Throttle
from smtpdsl.runtime.sasl.turns import AT_A_TIME
from tests.runtime.credentials.samples import scram, sha512, table_of
from tests.runtime.sasl.channels import BINDINGS, Certificate, channel

OUTSIDE = "192.0.2.1"
HASHED = {"ann": sha512("secret"), "ben": "***", "bad": "a password in the clear"}
KEYED = {"ann": scram("secret"), "ben": scram("other")}
# Without what only SCRAM takes for the same: characters that look alike.
PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x24F, categories=["L", "N", "P", "Zs"]).filter(
    lambda character: unicodedata.is_normalized("NFKC", character)
)
CERTIFIED = channel(Certificate("ann"))


class Bench:
    """A listener, a clock that stands still, and the delays it was asked for."""

    def __init__(
        self,
        entries: Mapping[str, str],
        *,
        limits: Limits | None = None,
        trusts_certificates: bool = True,
        counts_loopback: bool = True,
    ) -> None:
        """Let those in who are in *entries*."""
        table = table_of(entries)
        self.directory = Directory(TableIndex())
        self.delays: list[float] = []
        self.throttle = Throttle(limits or Limits())
        self.authenticator = Authenticator(
            self.directory.accounts(Auth(span=table.span, is_required=True, table=table)),
            self.throttle,
            lambda: 0.0,
            sleep=self.sleep,
            trusts_certificates=trusts_certificates,
            counts_loopback=counts_loopback,
        )

    async def sleep(self, seconds: float) -> None:
        """Remember, and wait no longer than a turn of the loop."""
        self.delays.append(seconds)
        await asyncio.sleep(0)

    async def say(
        self, mechanism: str, *messages: bytes | None, facts: TlsFacts | None = None, source: str = OUTSIDE
    ) -> Step:
        """Return the last step of an exchange."""
        exchange = self.authenticator.begin(mechanism, facts or channel(), source)
        return [await step(exchange, octets) for octets in messages][-1]


async def step(exchange: Exchange, octets: bytes | None) -> Step:
    """Take one step, now or later."""
    found = exchange.step(octets)
    return await found if isinstance(found, Awaitable) else found


def on(bench: Bench, talk: Callable[[Bench], Awaitable[None]]) -> None:
    """Run *talk*, and leave no thread behind."""

    async def run() -> None:
        try:
            await talk(bench)
        finally:
            bench.directory.close()

    asyncio.run(run())


def outcome(bench: Bench, mechanism: str, *messages: bytes | None, facts: TlsFacts | None = None) -> Step:
    """Return what one exchange comes to."""
    found: list[Step] = []

    async def talk(bench: Bench) -> None:
        found.append(await bench.say(mechanism, *messages, facts=facts))

    on(bench, talk)
    return found[0]


# ---------------------------------------------------------------- what is offered


@pytest.mark.parametrize(
    ("entries", "facts", "offered"),
    [
        (HASHED, None, ""),
        (HASHED, channel(), "PLAIN LOGIN"),
        (HASHED, channel(is_bound=True), "PLAIN LOGIN"),
        (KEYED, channel(), "SCRAM-SHA-256 PLAIN LOGIN"),
        (KEYED, channel(is_bound=True), "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"),
        (HASHED, CERTIFIED, "EXTERNAL PLAIN LOGIN"),
        (HASHED, channel(Certificate("ann", is_verified=False)), "PLAIN LOGIN"),
    ],
)
def test_what_can_work_is_offered(entries: Mapping[str, str], facts: TlsFacts | None, offered: str) -> None:
    """And nothing without TLS."""
    assert " ".join(Bench(entries).authenticator.mechanisms(facts)) == offered


def test_certificates_of_the_whole_world_are_not_believed() -> None:
    """Only those of the listener's own authority."""
    bench = Bench(HASHED, trusts_certificates=False)

    assert "EXTERNAL" not in bench.authenticator.mechanisms(CERTIFIED)
    with pytest.raises(NotOfferedError):
        bench.authenticator.begin("EXTERNAL", CERTIFIED, OUTSIDE)


@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "SCRAM-SHA-256", "EXTERNAL", "", "PLAIN "])
def test_what_is_not_offered_cannot_begin(mechanism: str) -> None:
    """Whether we know it or not."""
    with pytest.raises(NotOfferedError):
        Bench(HASHED).authenticator.begin(mechanism, channel(), OUTSIDE)


def test_nothing_begins_without_tls() -> None:
    """Nobody is asked for a password there."""
    with pytest.raises(NotOfferedError):
        Bench(HASHED).authenticator.begin("PLAIN", None, OUTSIDE)


# ---------------------------------------------------------------- passwords


@pytest.mark.parametrize("entries", [HASHED, KEYED])
@pytest.mark.parametrize(
    ("mechanism", "messages"),
    [("PLAIN", [b"\0Ann\0secret"]), ("plain", [None, b"\0Ann\0secret"]), ("LOGIN", [None, b"Ann", b"secret"])],
)
def test_a_password_opens(entries: Mapping[str, str], mechanism: str, messages: list[bytes | None]) -> None:
    """The login is the one that the client wrote; a hash and keys of SCRAM serve alike."""
    assert outcome(Bench(entries), mechanism, *messages) == Authenticated("Ann")


@settings(max_examples=30, deadline=None)
@given(
    password=st.text(PRINTABLE, min_size=1, max_size=60),
    guess=st.none() | st.text(PRINTABLE, min_size=1, max_size=60),
    store=st.sampled_from([sha512, scram]),
    mechanism=st.sampled_from(["PLAIN", "LOGIN"]),
)
def test_a_password_opens_if_it_is_the_same(
    password: str, guess: str | None, store: Callable[[str], str], mechanism: str
) -> None:
    """Any password, however it is stored and asked for; without a guess it is the right one."""
    said = (password if guess is None else guess).encode()
    messages = [b"\0ann\0" + said] if mechanism == "PLAIN" else [b"ann", said]
    found = outcome(Bench({"ann": store(password)}), mechanism, *messages)

    assert isinstance(found, Authenticated) == (guess in {None, password})


@pytest.mark.parametrize("message", [b"\0ann\0Secret", b"\0ben\0secret", b"\0eve\0secret", b"ben\0ann\0secret"])
def test_a_wrong_password_is_answered_late(message: bytes) -> None:
    """The same to everybody: wrong, locked, unknown, and who wants to be somebody else."""
    bench = Bench(HASHED)
    rejected = outcome(bench, "PLAIN", message)

    assert isinstance(rejected, Rejected)
    assert rejected.reply == replies.INVALID
    assert not rejected.closes
    assert bench.delays == [0.5]


def test_an_entry_that_cannot_be_used_is_our_failure() -> None:
    """454 and not 535, and no failure of the client's."""
    bench = Bench(HASHED)
    rejected = outcome(bench, "PLAIN", b"\0bad\0a password in the clear")

    assert isinstance(rejected, Rejected)
    assert (rejected.reply, rejected.login) == (replies.UNAVAILABLE, "bad")
    assert "clear" not in rejected.why
    assert bench.delays == []


def test_what_is_malformed_is_answered_at_once() -> None:
    """It guesses nothing."""
    bench = Bench(HASHED)
    rejected = outcome(bench, "PLAIN", b"ann secret")

    assert rejected == Rejected(replies.MALFORMED, "the message of PLAIN has three parts")
    assert bench.delays == []


# ---------------------------------------------------------------- keys and certificates


@pytest.mark.parametrize(("password", "is_right"), [("secret", True), ("Secret", False)])
@pytest.mark.parametrize(("login", "is_known"), [("ann", True), ("eve", False)])
def test_scram_from_end_to_end(login: str, password: str, is_known: bool, is_right: bool) -> None:  # noqa: FBT001 - columns
    """A login that does not exist is told the same as a wrong password, and as late."""
    bench = Bench(KEYED)

    async def talk(bench: Bench) -> None:
        binding = ("tls-server-end-point", BINDINGS["tls-server-end-point"])
        client = ScramClient(["SCRAM-SHA-256-PLUS"], login, password, channel_binding=binding)
        exchange = bench.authenticator.begin("SCRAM-SHA-256-PLUS", channel(is_bound=True), OUTSIDE)
        first = await step(exchange, client.get_client_first().encode())
        assert isinstance(first, Challenge)
        client.set_server_first(first.octets.decode())
        final = await step(exchange, client.get_client_final().encode())
        if is_known and is_right:
            assert isinstance(final, Challenge)
            client.set_server_final(final.octets.decode())
            assert await step(exchange, b"") == Authenticated("ann")
        else:
            assert final == Rejected(replies.INVALID, "wrong login or password", login=login)
            assert bench.delays == [0.5]

    on(bench, talk)


@pytest.mark.parametrize(("name", "is_admitted"), [("ann", True), ("ben", True), ("eve", False)])
def test_a_certificate_opens_what_is_in_the_table(name: str, is_admitted: bool) -> None:  # noqa: FBT001 - a column
    """And nothing else."""
    bench = Bench(HASHED)
    found = outcome(bench, "EXTERNAL", None, b"", facts=channel(Certificate(name)))

    assert found == (
        Authenticated(name) if is_admitted else Rejected(replies.INVALID, "there is no such login here", login=name)
    )


# ---------------------------------------------------------------- guessing


def test_guessing_ends() -> None:
    """After ten failures even the right password is not looked at, and the connection ends."""

    async def talk(bench: Bench) -> None:
        for _ in range(10):
            await bench.say("PLAIN", b"\0ann\0wrong")
        rejected = await bench.say("PLAIN", b"\0ann\0secret")
        assert isinstance(rejected, Rejected)
        assert rejected.reply == replies.TOO_MANY_FAILURES
        assert rejected.closes
        assert bench.delays == [0.5, 1.0, 2.0, 4.0, *[8.0] * 6]
        assert await bench.say("PLAIN", b"\0ann\0secret", source="192.0.2.2") == Authenticated("ann")

    on(Bench(HASHED), talk)


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        ("PLAIN", b"\0ann\0secret"),
        ("PLAIN", b"ben\0ann\0secret"),
        ("SCRAM-SHA-256", b"n,,n=ann,r=abc"),
        ("EXTERNAL", b""),
    ],
)
def test_who_has_guessed_too_often_is_asked_nothing_more(mechanism: str, message: bytes) -> None:
    """By whatever mechanism."""

    async def talk(bench: Bench) -> None:
        for _ in range(10):
            await bench.say("PLAIN", b"\0ann\0wrong")
        rejected = await bench.say(mechanism, message, facts=CERTIFIED)
        assert isinstance(rejected, Rejected)
        assert rejected.reply == replies.TOO_MANY_FAILURES
        assert len(bench.delays) == 10

    on(Bench(KEYED), talk)


def test_guessing_over_many_connections_is_guessing() -> None:
    """Those who come at the same moment are looked at one after the other, and the right guess comes too late."""

    async def talk(bench: Bench) -> None:
        guesses = [b"\0ann\0wrong"] * 30 + [b"\0ann\0secret"]
        found = await asyncio.gather(*(bench.say("PLAIN", guess) for guess in guesses))
        answers = [each.reply.code for each in found if isinstance(each, Rejected)]
        assert 10 <= answers.count(535) < 10 + AT_A_TIME
        assert answers.count(421) == 31 - answers.count(535)

    on(Bench(HASHED), talk)


def test_many_proofs_at_once_are_guessing_too() -> None:
    """A proof that was asked for in time is not looked at after ten that were wrong, be it right."""

    async def talk(bench: Bench) -> None:
        clients = [ScramClient(["SCRAM-SHA-256"], "ann", "wrong") for _ in range(10)]
        clients.append(ScramClient(["SCRAM-SHA-256"], "ann", "secret"))
        exchanges = [bench.authenticator.begin("SCRAM-SHA-256", channel(), OUTSIDE) for _ in clients]
        for exchange, client in zip(exchanges, clients, strict=True):
            first = await step(exchange, client.get_client_first().encode())
            assert isinstance(first, Challenge)
            client.set_server_first(first.octets.decode())
        answers = []
        for exchange, client in zip(exchanges, clients, strict=True):
            found = await step(exchange, client.get_client_final().encode())
            assert isinstance(found, Rejected)
            answers.append(found.reply.code)
        assert answers == [535] * 10 + [421]

    on(Bench(KEYED), talk)


def test_a_login_under_attack_is_closed_to_strangers() -> None:
    """Not to those who have used it."""

    async def talk(bench: Bench) -> None:
        assert await bench.say("PLAIN", b"\0ann\0secret", source="198.51.100.1") == Authenticated("ann")
        for number in range(3):
            await bench.say("PLAIN", b"\0ann\0wrong", source=f"203.0.113.{number}")
        rejected = await bench.say("PLAIN", b"\0ann\0secret", source="203.0.113.9")
        assert isinstance(rejected, Rejected)
        assert rejected.reply == replies.LOGIN_UNDER_ATTACK
        assert await bench.say("PLAIN", b"\0ann\0secret", source="198.51.100.1") == Authenticated("ann")

    on(Bench(HASHED, limits=Limits(login_failures=3)), talk)


@pytest.mark.parametrize("source", ["127.0.0.1", "127.1.2.3", "[::1]"])
def test_programs_of_this_host_need_not_count(source: str) -> None:
    """Where webmail is the only client, one of its users cannot lock the others out; elsewhere they count."""

    async def spared(bench: Bench) -> None:
        for _ in range(12):
            await bench.say("PLAIN", b"\0ann\0wrong", source=source)
        assert await bench.say("PLAIN", b"\0ann\0secret", source=source) == Authenticated("ann")

    async def counted(bench: Bench) -> None:
        for _ in range(12):
            await bench.say("PLAIN", b"\0ann\0wrong", source=source)
        assert isinstance(await bench.say("PLAIN", b"\0ann\0secret", source=source), Rejected)

    on(Bench(HASHED, counts_loopback=False), spared)
    on(Bench(HASHED), counted)


def test_one_who_waits_keeps_nobody_else_waiting() -> None:
    """The answer to a wrong password is late; another client's is not."""

    async def talk(bench: Bench) -> None:
        is_over = asyncio.Event()

        async def until_told(_seconds: float) -> None:
            await is_over.wait()

        bench.authenticator = Authenticator(
            bench.directory.accounts(Auth(span=table.span, is_required=True, table=table)),
            bench.throttle,
            lambda: 0.0,
            sleep=until_told,
        )
        late = asyncio.ensure_future(bench.say("PLAIN", b"\0ann\0wrong"))
        assert await bench.say("PLAIN", b"\0ann\0secret") == Authenticated("ann")
        assert not late.done()
        is_over.set()
        assert isinstance(await late, Rejected)

    table = table_of(HASHED)
    on(Bench(HASHED), talk)


# ---------------------------------------------------------------- secrets


@pytest.mark.parametrize("password", ["hunter2-right", "hunter2-wrong"])
def test_no_password_is_shown_anywhere(
    password: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither in what is returned, nor in a log, nor on the terminal, nor in the traceback of what was raised."""
    caplog.set_level(logging.DEBUG)
    bench = Bench({"ann": sha512("hunter2-right"), "bad": "hunter2-right"})

    async def talk(bench: Bench) -> None:
        accounts = bench.directory.accounts(Auth(span=table.span, is_required=True, table=table))
        for login in ("ann", "bad", "eve"):
            exchange = bench.authenticator.begin("PLAIN", channel(), OUTSIDE)
            shown.append(repr(await step(exchange, f"\0{login}\0{password}".encode())))
            shown.append(repr(vars(exchange)) + repr(vars(accounts)))

    shown: list[str] = []
    table = table_of({"ann": sha512("hunter2-right")})
    try:
        on(bench, talk)
        bench.authenticator.begin(f"PLAIN {password}", channel(), OUTSIDE)
    except NotOfferedError:
        shown.append("".join(traceback.format_exc()))
    output = capfd.readouterr()
    assert "hunter2" not in caplog.text + output.out + output.err + "".join(shown)
