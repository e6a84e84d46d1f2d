"""Which mechanisms a listener offers, and the exchanges that begin with them.

    SCRAM-SHA-256-PLUS   the same, and the channel can be bound to
    SCRAM-SHA-256        every entry of the table has keys for it: who has a hash could not log in
    EXTERNAL             the client has shown a certificate that leads to the listener's own `ca`
    OAUTHBEARER          the configuration has an `oauth-issuer`
    PLAIN, LOGIN         always

Nothing is offered without TLS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from smtpdsl.mail.ip import is_loopback
from smtpdsl.runtime.credentials.accounts import Accounts
from smtpdsl.runtime.credentials.tokens import Tokens
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.sasl.bearer import Bearer
from smtpdsl.runtime.sasl.exchange import Doorkeeper, Exchange
from smtpdsl.runtime.sasl.external import External, certified_login
from smtpdsl.runtime.sasl.moves import Mechanism
from smtpdsl.runtime.sasl.plain import Login, Plain
from smtpdsl.runtime.sasl.scram import Scram
from smtpdsl.runtime.sasl.throttle import Throttle
from smtpdsl.runtime.sasl.turns import Turns

_SCRAM_PLUS = "SCRAM-SHA-256-PLUS"
_SCRAM = "SCRAM-SHA-256"
_EXTERNAL = "EXTERNAL"
_BEARER = "OAUTHBEARER"
_PLAIN = "PLAIN"
_LOGIN = "LOGIN"


class NotOfferedError(Exception):
    """A mechanism that is unknown, or not offered; the protocol has answered 504 before it comes to that."""


class Authenticator:
    """Who may log in at one listener."""

    def __init__(
        self,
        accounts: Accounts,
        throttle: Throttle,
        clock: Callable[[], float],
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        trusts_certificates: bool = False,
        counts_loopback: bool = True,
        tokens: Tokens | None = None,
    ) -> None:
        """Ask *accounts*.

        Args:
            accounts: The logins.
            throttle: The failures of the whole server.
            clock: Seconds that only grow.
            sleep: Waits for seconds.
            trusts_certificates: Whether the listener names an authority (`ca`).  With those that the system
                believes, everybody who can buy a certificate would choose a login.
            counts_loopback: Whether failures from this host count.  Where a listener has no other clients, such
                as those of webmail, one of them could lock the others out.
            tokens: Those that are believed, if any are.
        """
        self._doorkeeper = Doorkeeper(accounts, throttle, Turns(), clock, sleep)
        self._trusts_certificates = trusts_certificates
        self._counts_loopback = counts_loopback
        self._tokens = tokens

    def mechanisms(self, facts: TlsFacts | None) -> tuple[str, ...]:
        """Return what to offer on a channel, the strongest first; nothing without TLS (RFC 4954 §4)."""
        if facts is None:
            return ()
        has_scram = self._doorkeeper.accounts.has_scram
        offered = {
            _SCRAM_PLUS: has_scram and bool(facts.bindings),
            _SCRAM: has_scram,
            _EXTERNAL: self._trusts_certificates and certified_login(facts) is not None,
            _BEARER: self._tokens is not None,
            _PLAIN: True,
            _LOGIN: True,
        }
        return tuple(name for name, is_offered in offered.items() if is_offered)

    def begin(self, mechanism: str, facts: TlsFacts | None, source: str) -> Exchange:
        """Begin an exchange.

        Args:
            mechanism: The name that the client gave, in any case of its letters.
            facts: The channel.
            source: The client's address, as rules compare it.

        Raises:
            NotOfferedError: `mechanisms` does not have it.
        """
        name = mechanism.upper()
        if facts is None or name not in self.mechanisms(facts):
            raise NotOfferedError
        counted = source if self._counts_loopback or not is_loopback(source) else None
        return Exchange(self._mechanism(name, facts), self._doorkeeper, counted)

    def _mechanism(self, name: str, facts: TlsFacts) -> Mechanism:
        if name == _BEARER:
            assert self._tokens is not None, "it is offered where there are some"
            return Bearer(self._tokens)
        return _begin(name, facts)


def _begin(name: str, facts: TlsFacts) -> Mechanism:
    if name in {_SCRAM, _SCRAM_PLUS}:
        return Scram(facts.bindings, is_plus=name == _SCRAM_PLUS)
    if name == _EXTERNAL:
        login = certified_login(facts)
        assert login is not None, "it is offered to those who have one"
        return External(login)
    return Plain() if name == _PLAIN else Login()
