"""One AUTH command, from its first octets to the reply.

    Exchange.step ──▶ Challenge(octets)             send 334 and the octets; step again with the answer
                      Authenticated(login)          235
                      Rejected(reply, why, …)       535, 501, 454, 421

The mechanism says what it wants to know; here that is asked, and guessing made slow.  What
has to be waited for comes as an awaitable: a password to be checked, and the answer to a
wrong one, which keeps one session waiting and nobody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

from smtpdsl.mail.reply import Reply
from smtpdsl.runtime.credentials.accounts import Accounts
from smtpdsl.runtime.credentials.stored import CheckError
from smtpdsl.runtime.sasl import replies
from smtpdsl.runtime.sasl.moves import (
    Asserted,
    Challenge,
    CheckPassword,
    Failed,
    FindKeys,
    Malformed,
    Mechanism,
    Move,
    Proven,
)
from smtpdsl.runtime.sasl.scram import Scram
from smtpdsl.runtime.sasl.throttle import Ruling, Throttle
from smtpdsl.runtime.sasl.turns import Turns

_WRONG = "wrong login or password"


class Authenticated(NamedTuple):
    """The client is *login*, spelled as it spelled it."""

    login: str


class Rejected(NamedTuple):
    """The exchange has failed: what to answer, and *why* for the log.

    `login` is whom the client wanted to be, as far as it came to say so: for the log too,
    and for nothing else.  With `closes` the connection ends after the reply.
    """

    reply: Reply
    why: str
    closes: bool = False
    login: str = ""


Step: TypeAlias = Challenge | Authenticated | Rejected


class Doorkeeper(NamedTuple):
    """What all exchanges of a listener share."""

    accounts: Accounts
    throttle: Throttle
    turns: Turns
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]


class Exchange:
    """One attempt to log in.  Invariant: once it has returned something else than a challenge, it is over."""

    def __init__(self, mechanism: Mechanism, doorkeeper: Doorkeeper, source: str | None) -> None:
        """Let *mechanism* ask; *source* is whose failures count, None if nobody's do."""
        self._mechanism = mechanism
        self._doorkeeper = doorkeeper
        self._source = source
        # Whom the client has begun to prove that it is.
        self._login = ""

    def step(self, octets: bytes | None) -> Step | Awaitable[Step]:
        """Go on with what the client has sent; None if it sent nothing with the command."""
        # A proof is not looked at if others from there have failed too often since it was asked for.
        refused = self._refused(self._login) if self._login else None
        return refused or self._act(self._mechanism.step(octets))

    def _act(self, move: Move) -> Step | Awaitable[Step]:
        match move:
            case Challenge():
                return move
            case Malformed(why=why):
                return Rejected(replies.MALFORMED, why)
            case Failed(login=login, why=why):
                return self._refused(login) or self._fail(login, why)
            case Proven(login=login):
                return self._succeed(login)
            case CheckPassword(login=login):
                return self._refused(login) or self._check(move)
            case FindKeys(login=login):
                self._login = login
                return self._refused(login) or self._find_keys(login)
            case Asserted(login=login):
                return self._refused(login) or self._admit(login)

    async def _check(self, asked: CheckPassword) -> Step:
        if self._source is None:
            verdict = await self._verify(asked)
        else:
            async with self._doorkeeper.turns.take(self._doorkeeper.throttle.network(self._source)):
                # Those before it may have failed meanwhile.
                verdict = self._refused(asked.login) or await self._verify(asked)
        return await self._fail(asked.login, _WRONG) if verdict is None else verdict

    async def _verify(self, asked: CheckPassword) -> Step | None:
        """Return None for a wrong password, which is not told at once."""
        try:
            is_right = await self._doorkeeper.accounts.verify(asked.login, asked.password)
        except CheckError as error:
            return Rejected(replies.UNAVAILABLE, str(error), login=asked.login)
        return self._succeed(asked.login) if is_right else None

    async def _find_keys(self, login: str) -> Step:
        assert isinstance(self._mechanism, Scram), "no other mechanism asks for keys"
        try:
            return self._mechanism.keys_found(await self._doorkeeper.accounts.scram_keys(login))
        except CheckError as error:
            return Rejected(replies.UNAVAILABLE, str(error), login=login)

    async def _admit(self, login: str) -> Step:
        try:
            is_admitted = await self._doorkeeper.accounts.admits(login)
        except CheckError as error:
            return Rejected(replies.UNAVAILABLE, str(error), login=login)
        return self._succeed(login) if is_admitted else await self._fail(login, "there is no such login here")

    def _succeed(self, login: str) -> Authenticated:
        if self._source is not None:
            self._doorkeeper.throttle.succeeded(self._doorkeeper.clock(), self._source, login)
        return Authenticated(login)

    def _refused(self, login: str) -> Rejected | None:
        """Refuse before anything is asked, so that a right guess is not told from a wrong one."""
        throttle, now = self._doorkeeper.throttle, self._doorkeeper.clock()
        if self._source is None:
            return None
        if throttle.judge_source(now, self._source) is not Ruling.TRY:
            return Rejected(replies.TOO_MANY_FAILURES, Ruling.SOURCE_REFUSED.value, closes=True, login=login)
        if throttle.judge_login(now, self._source, login) is not Ruling.TRY:
            return Rejected(replies.LOGIN_UNDER_ATTACK, Ruling.LOGIN_REFUSED.value, login=login)
        return None

    async def _fail(self, login: str, why: str) -> Rejected:
        if self._source is not None:
            seconds = self._doorkeeper.throttle.failed(self._doorkeeper.clock(), self._source, login)
            await self._doorkeeper.sleep(seconds)
        return Rejected(replies.INVALID, why, login=login)
