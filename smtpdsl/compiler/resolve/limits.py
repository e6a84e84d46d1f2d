"""The `limit` statements of the subsystems, with every default."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from smtpdsl.compiler.resolve.values import read_size
from smtpdsl.diagnostics.codes import OVERWRITTEN_OPTION, SYNTAX_ERROR, UNKNOWN_LIMIT, UNUSABLE_LIMIT, UNUSABLE_VALUE
from smtpdsl.diagnostics.diagnostic import Fix, Related, Report
from smtpdsl.diagnostics.span import Span
from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.ir import syntax
from smtpdsl.ir.quantity import parse_size, parse_time
from smtpdsl.ir.resolved import DomainLimits, Setting
from smtpdsl.ir.syntax import Number, Word

# Defaults of smtpd.conf(5), and of its source where the manual is silent.
_MDA_LIMITS = {
    "max-session": 50,
    "max-session-per-user": 7,
    "task-hiwat": 50,
    "task-lowat": 30,
    "task-release": 10,
}
_MTA_LIMITS = {
    "max-conn-per-host": 10,
    "max-conn-per-route": 5,
    "max-conn-per-source": 100,
    "max-conn-per-connector": 20,
    "max-conn-per-relay": 100,
    "max-conn-per-domain": 100,
    "conn-delay-host": 0,
    "conn-delay-route": 5,
    "conn-delay-source": 0,
    "conn-delay-connector": 0,
    "conn-delay-relay": 2,
    "conn-delay-domain": 0,
    "reconn-delay-route": 3,
    "session-mail-max": 100,
    "session-transaction-delay": 0,
    "session-keepalive": 10,
    "max-failures-per-session": 25,
    "task-hiwat": 50,
    "task-lowat": 30,
    "task-release": 10,
    # No release of OpenSMTPD has this one, and 0 is no limit.
    "max-mails-per-minute": 0,
}
_SCHEDULER_LIMITS = {
    "max-inflight": 5000,
    "max-evp-batch-size": 256,
    "max-msg-batch-size": 1024,
    "max-schedule": 10,
}
_SMTP_LIMITS = {
    "max-rcpt": 1000,
    "max-mails": 100,
    # No release of OpenSMTPD has those below.
    "max-connections": 10_000,
    "max-connections-per-source": 100,
    "max-connection-rate-per-source": 3000,
    "max-commands": 1000,
    "max-errors": 20,
    # RFC 5321 §4.5.3.2.7: a server waits at least five minutes.
    "idle-timeout": 5 * 60,
    "command-timeout": 60,
    "handshake-timeout": 30,
    "data-timeout": 2 * 3600,
    "data-grace": 60,
    "min-data-rate": 500,
    "max-memory": 256 * 1024 * 1024,
}
_UNLIMITED = "max-mails-per-minute"
OURS = frozenset(_SMTP_LIMITS) - {"max-rcpt", "max-mails"} | {_UNLIMITED}
# Limits that are no plain numbers.
_READ: dict[str, Callable[[str], int]] = {
    **dict.fromkeys(("idle-timeout", "command-timeout", "handshake-timeout", "data-timeout", "data-grace"), parse_time),
    "max-memory": parse_size,
}
_LIMITS = {"mda": _MDA_LIMITS, "mta": _MTA_LIMITS, "scheduler": _SCHEDULER_LIMITS, "smtp": _SMTP_LIMITS}
# What OpenSMTPD calls the limits of all domains that have none of their own.
_EVERY_DOMAIN = "default"


class LimitsReader:
    """Reads `limit` statements in source order; a later value replaces an earlier one."""

    def __init__(self, report: Report) -> None:
        """Start with the defaults."""
        self.report = report
        self.known: dict[str, dict[str, Setting[int]]] = {
            subsystem: {
                key: Setting(value=value, reason=f"default of `{subsystem} limit {key}`")
                for key, value in defaults.items()
            }
            for subsystem, defaults in _LIMITS.items()
        }
        self.mta_families: tuple[Word, ...] = ()
        self.of_domains: dict[str, DomainLimits] = {}
        self._given: dict[tuple[str, str], dict[str, Span]] = {}

    def add(self, statement: syntax.Limits) -> None:
        """Take the limits of *statement*; what it says for a domain adds to what was said for it before."""
        domain = statement.domain.text if statement.domain is not None else _EVERY_DOMAIN
        families = self._family(statement)
        if domain == _EVERY_DOMAIN:
            self.mta_families = families or self.mta_families
            limits = self.known[statement.subsystem]
        else:
            limits = self._of_domain(domain, families, statement).limits
        given = self._given.setdefault((statement.subsystem, domain), {})
        for limit in statement.limits:
            if limit.key.text not in limits:
                self._unknown(statement.subsystem, limit.key)
                continue
            self._note(limit.key, given)
            value = self._value(limit)
            if value is not None:
                self._check(limit, value)
                limits[limit.key.text] = Setting(value=value, span=limit.span)

    def _family(self, statement: syntax.Limits) -> tuple[Word, ...]:
        """Return the one address family that is connected with, if one is given; the last one holds."""
        for before, again in pairwise(statement.families):
            message = f"`{again.text}` replaces `{before.text}`: they mean this family alone"
            related = (Related(before.span, "replaced by the later one"),)
            help_text = "leave both out for both families"
            self.report(OVERWRITTEN_OPTION.at(again.span, message, related=related, help=help_text))
        return statement.families[-1:]

    def _of_domain(self, domain: str, families: tuple[Word, ...], statement: syntax.Limits) -> DomainLimits:
        found = self.of_domains.get(domain)
        if found is None:
            # OpenSMTPD copies the defaults as they stand at the line of the domain.
            limits = dict(self.known["mta"])
            found = DomainLimits(span=statement.span, domain=domain, limits=limits, families=self.mta_families)
        self.of_domains[domain] = found = found.replace(families=families) if families else found
        return found

    def _note(self, key: Word, given: dict[str, Span]) -> None:
        if key.text in given:
            message = f"`{key.text}` is given again; this one holds"
            related = (Related(given[key.text], "replaced by the later one"),)
            self.report(OVERWRITTEN_OPTION.at(key.span, message, related=related, help="remove one of them"))
        given[key.text] = key.span

    def _value(self, limit: syntax.Limit) -> int | None:
        """Return the value of *limit* as a number, in seconds or octets if it is a time or a size."""
        written, key = limit.value, limit.key.text
        if read := _READ.get(key):
            if isinstance(written, Number) and read is parse_time:
                # As a word it gets the sentence about its unit.
                written = Word(span=written.span, text=str(written.value))
            return read_size(written, read, self.report)
        if isinstance(written, Number):
            return written.value
        if written.text.isdecimal() and written.text.isascii():
            # In the words of the parser, which finds it where nothing but a number may stand.
            fix = Fix.replacing(written.span, written.text, safe=True)
            self.report(
                SYNTAX_ERROR.at(written.span, "a number stands without quotes", help=f"write `{written.text}`", fix=fix)
            )
            return None
        message = f'expected a number after `{key}`, found "{written.text}"'
        self.report(UNUSABLE_VALUE.at(written.span, message, help=f"write `{key} {_SMTP_LIMITS[key]}`"))
        return None

    def _check(self, limit: syntax.Limit, value: int) -> None:
        key = limit.key.text
        if value < 0:
            message, help_text = f"`{key}` is below zero", "write how many, or how many seconds"
        elif value == 0 and key.startswith("max-") and key != _UNLIMITED:
            message, help_text = f"`{key} 0` lets nothing through", "write 1 or more, or remove the limit"
        else:
            return
        self.report(UNUSABLE_LIMIT.at(limit.value.span, message, help=help_text))

    def _unknown(self, subsystem: str, key: Word) -> None:
        near = nearest(key.text, _LIMITS[subsystem])
        owner = next((other for other, keys in _LIMITS.items() if key.text in keys), None)
        if near:
            help_text = f"did you mean `{near}`?"
        elif owner:
            help_text = f"that is a limit of `{owner}`: write `{owner} limit {key.text} …`"
        else:
            help_text = f"the limits are: {', '.join(sorted(_LIMITS[subsystem]))}"
        fix = Fix.replacing(key.span, near) if near else None
        message = f'`{subsystem} limit` has no "{key.text}"'
        self.report(UNKNOWN_LIMIT.at(key.span, message, help=help_text, fix=fix))
