"""The log lines of one session, in the words that log tools of OpenSMTPD know."""

from __future__ import annotations

from collections.abc import Mapping

from smtpdsl.mail.envelope import Client
from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.queue.ids import envelope_hex, envelope_number
from smtpdsl.runtime.transaction import Transaction


class SessionLog:
    """What is reported of one session; a refusal names the configuration that decided it."""

    __slots__ = ("_configuration", "_id", "_log", "last_refusal")

    def __init__(self, log: Log, session_id: str, configuration: str) -> None:
        """Report to *log*; *configuration* is the short fingerprint of the program."""
        self._log = log
        self._id = session_id
        self._configuration = configuration
        self.last_refusal = ""

    def connected(self, client: Client) -> None:
        """A client is there, and its name has been looked up."""
        self._log.event(self._id, "smtp connected", {"address": client.source, "host": client.rdns or "<unknown>"})

    def proxied(self, address: str) -> None:
        """A proxy speaks for the client."""
        self._log.event(self._id, "smtp event=proxy", {"address": address})

    def spoken_for(self, address: str, login: str | None) -> None:
        """A mail server in front of this one says who its client is."""
        values = {"address": address} | ({"user": login} if login is not None else {})
        self._log.event(self._id, "smtp event=xclient", values)

    def secured(self, facts: TlsFacts) -> None:
        """TLS has begun."""
        self._log.event(self._id, "smtp tls", {"ciphers": f"{facts.version}:{facts.cipher}:{facts.bits}"})
        if facts.certificate is not None:
            result = "verified" if facts.certificate.is_verified else "unchecked"
            values = {"result": result, "fingerprint": facts.certificate.fingerprint}
            self._log.event(self._id, "smtp cert-check", values)

    def authentication(self, login: str, result: str) -> None:
        """Somebody tried to log in; *result* is ``ok``, ``permfail`` or ``tempfail``."""
        self._log.event(self._id, "smtp authentication", {"user": login, "result": result})

    def refused(self, command: str, reply: Reply, reasons: Mapping[str, object]) -> None:
        """A command was refused."""
        result = str(reply).replace("\r\n", " ")
        self.last_refusal = " ".join(reply.lines)
        values = {"command": command, "result": result, **reasons, "config": self._configuration}
        self._log.event(self._id, "smtp failed-command", values)

    def accepted(self, transaction: Transaction, protocol: str) -> None:
        """A message is ours; each recipient is a line with the last of its envelopes."""
        number, reverse_path = transaction.message_id, str(transaction.reverse_path)
        count = len(transaction.recipients)
        values = {"msgid": transaction.identifier, "size": transaction.size, "nrcpt": count, "proto": protocol}
        self._log.event(self._id, "smtp message", values)
        positions = {each.recipient: position for position, each in enumerate(transaction.envelopes, 1)}
        for recipient, position in positions.items():
            envelope = envelope_hex(envelope_number(number, position))
            named = {"evpid": envelope, "from": reverse_path, "to": f"<{recipient}>"}
            self._log.event(self._id, "smtp envelope", named)

    def disconnected(self, reason: str, why: str) -> None:
        """The session is over; *why* says more than the *reason*, where there is more to say."""
        self._log.event(self._id, "smtp disconnected", {"reason": reason} | ({"why": why} if why else {}))
