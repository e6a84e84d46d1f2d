"""A client's session whose server is played by the test."""

from __future__ import annotations

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime.protocol.client import (
    ClientSession,
    ContentWanted,
    Event,
    Failed,
    Finished,
    Ready,
    Transaction,
    Verdict,
)
from smtpdsl.runtime.protocol.client_verdicts import Judgement

OK, TEMPORARY, PERMANENT = Judgement.ACCEPTED, Judgement.TEMPORARY, Judgement.PERMANENT
PIPELINING = "250-peer.example\r\n250 PIPELINING\r\n"
ONE = Transaction(ReversePath.parse("<a@b.example>"), (Mailbox.parse("x@y.example"),), size=4)
THREE = ONE._replace(recipients=tuple(Mailbox.parse(f"{name}@y.example") for name in ("one", "two", "three")))


def new_session() -> ClientSession:
    """Return a session that waits for the greeting."""
    return ClientSession("peer:25", "client.example", "server.example")


def hear(core: ClientSession, text: str) -> str:
    """Let the server say *text*, and return what the client says to it."""
    core.receive_data(text.encode("latin-1"))
    return core.data_to_send().decode("latin-1")


def events(core: ClientSession) -> list[Event]:
    """Return everything that has happened."""
    return list(iter(core.next_event, None))


def kinds(core: ClientSession) -> list[type[Event]]:
    """Return what kind of thing has happened."""
    return [type(event) for event in events(core)]


def ready(ehlo: str = "250 peer.example\r\n") -> ClientSession:
    """Return a session whose server has answered *ehlo* to EHLO, and waits for a transaction."""
    core = new_session()
    assert hear(core, "220 peer.example\r\n") == "EHLO client.example\r\n"
    assert hear(core, ehlo) == ""
    assert kinds(core) == [Ready]
    return core


def begin(core: ClientSession, transaction: Transaction = ONE) -> str:
    """Begin *transaction*, and return what the client says."""
    core.begin(transaction)
    return core.data_to_send().decode("latin-1")


def end(core: ClientSession, content: bytes = b"hi\n") -> str:
    """Send the message that the server waits for, and return how."""
    assert kinds(core) == [ContentWanted]
    core.send_content(content)
    core.end_content()
    return core.data_to_send().decode("latin-1")


def finish(core: ClientSession) -> tuple[Verdict, ...]:
    """Return the verdicts of the transaction that has ended."""
    [event] = events(core)
    assert isinstance(event, Finished)
    return event.verdicts


def failure(core: ClientSession) -> Verdict:
    """Return why the session never became ready."""
    [event] = events(core)
    assert isinstance(event, Failed)
    return event.verdict
