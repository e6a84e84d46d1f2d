"""From a line to a command that its client may give now, or to the refusal of it.

    CommandLine(b"RCPT TO:<joe@b.example>"), State.MAIL     Rcpt(...)
    CommandLine(b"RCPT TO:<joe@b.example>"), State.READY    RemoteProtocolError(503 5.5.1 ...)

Looked at in this order: whether the line is one, whether its verb is known, whether the
verb may come now, whether this client may use it, and at last the argument.
"""

from __future__ import annotations

import re

from smtpdsl.runtime.protocol import own_replies
from smtpdsl.runtime.protocol.chunks import read_bdat
from smtpdsl.runtime.protocol.commands import (
    BDAT,
    COMMANDS,
    HTTP_METHODS,
    LMTP_COMMANDS,
    NOT_OFFERED,
    XCLIENT,
    Dialect,
    line_for_log,
    split_line,
)
from smtpdsl.runtime.protocol.errors import RemoteProtocolError
from smtpdsl.runtime.protocol.events import Auth, Bdat, Command, Mail
from smtpdsl.runtime.protocol.input_buffer import CommandLine
from smtpdsl.runtime.protocol.limits import Limits
from smtpdsl.runtime.protocol.offer import Offer, parameter_keywords
from smtpdsl.runtime.protocol.standing import Standing
from smtpdsl.runtime.protocol.states import TRANSITIONS, State, Step

_LOOKS_LIKE_AUTH = re.compile(rb"\s*AUTH(?:\b|PLAIN|LOGIN)", re.IGNORECASE)
_NO_LINE = CommandLine(b"")


class CommandReader:
    """Reads the command lines of one session."""

    __slots__ = ("_commands", "_limits", "_offer", "dialect", "line", "standing")

    def __init__(self, limits: Limits, offer: Offer, default_domain: str) -> None:
        """Expect a client that nothing is known of."""
        self._limits = limits
        self._offer = offer
        self._commands = LMTP_COMMANDS if offer.lmtp else COMMANDS
        keywords = parameter_keywords(offer, is_secure=False)
        self.dialect = Dialect(default_domain, keywords, limits.max_message_octets)
        self.standing = Standing(limits, offer)
        # What the last command was, as it came.
        self.line = _NO_LINE

    @property
    def last_command(self) -> str:
        """The last command line, without what a client may have said of its password; not made printable."""
        octets = self.line.octets
        is_known = split_line(octets)[0] in {BDAT, *self._commands} or _LOOKS_LIKE_AUTH.match(octets) is not None
        return line_for_log(octets) if is_known or not self.standing.may_tell_secrets else "(...)"

    def read(self, line: CommandLine, state: State) -> Command:
        """Return the command that *line* gives, which `TRANSITIONS` allows in *state*.

        Raises:
            RemoteProtocolError: There is none.
        """
        self.line = line
        word, argument = split_line(line.octets)
        verb = self._commands.get(word)
        if verb is None or line.problem is not None:
            return self._read_odd(word, argument, state)
        command, read = verb
        if self._is_too_long(line) and command is not Auth:
            return self._read_odd(word, argument, state)
        if (state, command) not in TRANSITIONS:
            raise RemoteProtocolError(own_replies.wrong_time(state, command, is_lmtp=self._offer.lmtp))
        self.standing.check(command)
        return read(argument, self.dialect)

    def begin_transaction(self, mail: Mail) -> None:
        """Take what *mail* has said that it may come: UTF-8 in paths (RFC 6531 §3.4), and binary mail data."""
        self.standing.is_binary = mail.parameters.body == "BINARYMIME"
        if mail.parameters.smtputf8 is not self.dialect.utf8:
            self.dialect = self.dialect._replace(utf8=mail.parameters.smtputf8)

    def secured(self) -> None:
        """Forget what was said before TLS came up."""
        self.standing.secured()
        self.dialect = self.dialect._replace(extensions=parameter_keywords(self._offer, is_secure=True))

    def offer_mechanisms(self, mechanisms: tuple[str, ...]) -> None:
        """Take AUTH with *mechanisms*."""
        self.standing.offer_mechanisms(mechanisms)
        self.dialect = self.dialect._replace(mechanisms=mechanisms)

    def trust(self, *, is_trusted: bool) -> None:
        """Take XCLIENT from this client, or not any more."""
        commands = LMTP_COMMANDS if self._offer.lmtp else COMMANDS
        self._commands = {**commands, **XCLIENT} if is_trusted else commands
        self.standing.is_trusted = is_trusted

    def take_care(self) -> None:
        """After a refusal, look whether secrets may follow that are no commands.

        A client that does not wait for the answer to AUTH has sent its password behind it, in lines
        that are then commands which nobody knows.
        """
        if _LOOKS_LIKE_AUTH.match(self.line.octets):
            self.standing.may_tell_secrets = True

    def _is_too_long(self, line: CommandLine) -> bool:
        # Where AUTH is offered lines may be longer than elsewhere (RFC 4954 §4), and only those of AUTH.
        return len(line.octets) + 2 > self._limits.max_command_octets

    def _read_odd(self, word: bytes, argument: str, state: State) -> Command:
        """Read what is no command of `COMMANDS`, or too long for one; most of it is none at all."""
        if self.line.problem is None and self._is_too_long(self.line):
            self.line = self.line.refused_as_too_long()
        problem = self.line.problem
        if word in HTTP_METHODS:
            raise RemoteProtocolError(own_replies.HTTP, closes=True)
        if word.startswith(BDAT):
            return self._read_chunk(argument if word == BDAT else "", state)
        if problem is not None:
            raise RemoteProtocolError(problem, closes=self.line.closes)
        if not word or not word.isascii():
            raise RemoteProtocolError(own_replies.NO_COMMAND)
        raise RemoteProtocolError(own_replies.NOT_OFFERED if word in NOT_OFFERED else own_replies.UNKNOWN_COMMAND)

    def _read_chunk(self, argument: str, state: State) -> Bdat:
        """Read BDAT, before it is asked whether it may come."""
        if not self._offer.chunking:
            # RFC 3030 §2: what follows is no command but a message, whatever we answer.
            raise RemoteProtocolError(own_replies.NOT_OFFERED, closes=True)
        if self.line.problem is not None:
            raise RemoteProtocolError(self.line.problem, closes=self.line.closes, step=Step.CHUNK_LOST)
        chunk = read_bdat(argument)
        if (state, Bdat) not in TRANSITIONS:
            raise RemoteProtocolError(
                own_replies.wrong_time(state, Bdat, is_lmtp=self._offer.lmtp), skipped=chunk.octets
            )
        return chunk
