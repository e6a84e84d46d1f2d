"""The statements that set one thing each, with every default; limits are read by `limits`."""

from __future__ import annotations

from typing import Any, TypeVar

from smtpdsl.compiler.resolve.limits import LimitsReader
from smtpdsl.compiler.resolve.scope import Scope
from smtpdsl.compiler.resolve.values import inside, read_size, read_word
from smtpdsl.diagnostics.codes import OVERWRITTEN_OPTION, UNUSABLE_LIMIT, UNUSABLE_VALUE
from smtpdsl.diagnostics.diagnostic import Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir import syntax
from smtpdsl.ir.quantity import parse_size, parse_time
from smtpdsl.ir.resolved import Globals, Setting
from smtpdsl.ir.syntax import Dialect, Word
from smtpdsl.mail.ip import ipv4_value, ipv6_value

V = TypeVar("V")
_DAY = 24 * 3600
_MAX_WARN_INTERVALS = 4
_QUEUE_KEY_OCTETS = 32
_OURS = syntax.RetryAfter | syntax.DkimSign | syntax.OAuthIssuer


def _default(value: V, statement: str) -> Setting[V]:
    return Setting(value=value, reason=f"default of `{statement}`")


class SettingsReader:
    """Reads the settings in source order; a later statement replaces an earlier one."""

    def __init__(self, scope: Scope) -> None:
        """Start with the defaults."""
        self.scope = scope
        self.found: dict[tuple[str, ...], syntax.Setting] = {}
        self.limits = LimitsReader(scope.report)

    def read(self) -> Globals:
        """Return the settings of the whole configuration."""
        for statement in self.scope.config.statements:
            if isinstance(statement, syntax.Limits):
                self.limits.add(statement)
            elif isinstance(statement, syntax.Setting):
                self._replaces(statement)
                self.found[statement.words] = statement
        queue_ttl = self._time("queue ttl", 4 * _DAY)
        return Globals(
            admd=self._text("admd", self.scope.world.server_name(), self._check_admd),
            warn_intervals=self._warn_intervals(),
            mda_limits=self.limits.known["mda"],
            mta_limits=self.limits.known["mta"],
            mta_families=self.limits.mta_families,
            mta_domain_limits=tuple(self.limits.of_domains.values()),
            mta_max_deferred=self._max_deferred(),
            scheduler_limits=self.limits.known["scheduler"],
            smtp_limits=self.limits.known["smtp"],
            smtp_ciphers=self._text("smtp ciphers", "default"),
            max_message_octets=self._max_message_size(),
            sub_addr_delim=self._text("smtp sub-addr-delim", "+", self._check_delimiter),
            queue_compression=self._flag("queue compression"),
            queue_encryption=self._optional_text("queue encryption"),
            queue_ttl=queue_ttl,
            srs_key=self._srs_key("srs key"),
            srs_key_backup=self._srs_key("srs key backup"),
            srs_ttl=self._srs_ttl(),
            queue_encryption_backup=self._optional_text("queue encryption backup"),
            bounce_template=self._optional_text("bounce report-template"),
            trusted_resolvers=self._trusted_resolvers(),
            **self._extensions(),
        )

    def _extensions(self) -> dict[str, Any]:
        """Return what statements say that smtpdsl alone has; few configurations have them."""
        if not any(isinstance(each, _OURS) for each in self.scope.config.statements):
            return {}
        from smtpdsl.compiler.resolve import extensions  # noqa: PLC0415 - it needs what is slow to import

        return {
            "retries": extensions.read_retries(self.scope),
            "dkim_keys": extensions.read_dkim_keys(self.scope),
            "oauth_issuers": extensions.read_oauth_issuers(self.scope),
        }

    def _replaces(self, statement: syntax.Setting) -> None:
        before = self.found.get(statement.words)
        # A global `expire` holds from its line on in the language before 6.4, so two of them are no mistake.
        if before is None or (self.scope.dialect is Dialect.LEGACY and statement.words == ("queue", "ttl")):
            return
        name = " ".join(statement.words)
        message = f"`{name}` is given again; this one holds"
        note = "replaced by the later one"
        if before == statement:
            message, note = f"`{name}` is given again, and changes nothing", "first given here"
        related = (Related(_words_span(before), note),)
        self.scope.report(
            OVERWRITTEN_OPTION.at(_words_span(statement), message, related=related, help="remove one of them")
        )

    # ------------------------------------------------------------ kinds of values

    def _values(self, name: str) -> tuple[Word | syntax.Number, ...] | None:
        statement = self.found.get(tuple(name.split()))
        return statement.values if statement else None

    def _word(self, name: str) -> Word | None:
        values = self._values(name)
        return values[0] if values and isinstance(values[0], Word) else None

    def _text(self, name: str, default: str, check: object = None) -> Setting[str]:
        word = self._word(name)
        if word is None or (callable(check) and not check(word)):
            return _default(default, name)
        return Setting(value=word.text, span=word.span)

    def _optional_text(self, name: str) -> Setting[str | None]:
        statement = self.found.get(tuple(name.split()))
        if statement is None:
            return _default(None, name)
        word = self._word(name)
        if word is None:
            # `queue encryption` without a key: asked for at start.
            return Setting(value="", span=statement.span)
        if name.startswith("queue encryption") and not self._is_queue_key(word):
            # There is one; what it is nobody can say.
            return Setting(value=None, span=word.span)
        return Setting(value=word.text, span=word.span)

    def _flag(self, name: str) -> Setting[bool]:
        statement = self.found.get(tuple(name.split()))
        if statement is None:
            return _default(value=False, statement=name)
        return Setting(value=True, span=statement.span)

    def _time(self, name: str, default: int) -> Setting[int]:
        word = self._word(name)
        value = read_word(word, parse_time, self.scope.report) if word else None
        return _default(default, name) if word is None or value is None else Setting(value=value, span=word.span)

    # ------------------------------------------------------------ single settings

    def _warn_intervals(self) -> Setting[tuple[int, ...]]:
        values = self._values("bounce warn-interval")
        if values is None:
            return _default((4 * 3600,), "bounce warn-interval")
        words = [value for value in values if isinstance(value, Word)]
        for extra in words[_MAX_WARN_INTERVALS:]:
            message = f"a fifth delay has no effect: only {_MAX_WARN_INTERVALS} are kept"
            self.scope.report(OVERWRITTEN_OPTION.at(extra.span, message, help="remove it"))
            break
        times = [read_word(word, parse_time, self.scope.report) for word in words]
        kept = tuple(time for time in times if time is not None)[:_MAX_WARN_INTERVALS]
        span = self.found["bounce", "warn-interval"].span
        return Setting(value=kept, span=span)

    def _max_message_size(self) -> Setting[int]:
        values = self._values("smtp max-message-size")
        if not values:
            return _default(35 * 1024 * 1024, "smtp max-message-size")
        octets = read_size(values[0], parse_size, self.scope.report)
        if octets is None:
            return _default(35 * 1024 * 1024, "smtp max-message-size")
        if octets == 0:
            message = "a message size of 0 refuses every message"
            self.scope.report(
                UNUSABLE_LIMIT.at(values[0].span, message, help="write the largest size to accept: `35M`")
            )
        return Setting(value=octets, span=values[0].span)

    def _max_deferred(self) -> Setting[int]:
        values = self._values("mta max-deferred")
        if not values or not isinstance(values[0], syntax.Number):
            return _default(100, "mta max-deferred")
        return Setting(value=values[0].value, span=values[0].span)

    def _srs_ttl(self) -> Setting[int]:
        ttl = self._time("srs ttl", 4 * _DAY)
        if ttl.span is not None and ttl.value < _DAY:
            message = "the life of an SRS address is counted in days, and must be one at least"
            self.scope.report(UNUSABLE_VALUE.at(ttl.span, message, help="write `1d` or more"))
        return ttl.replace(value=max(_DAY, ttl.value - ttl.value % _DAY))

    def _srs_key(self, name: str) -> Setting[str | None]:
        key = self._optional_text(name)
        if key.value == "" and key.span is not None:
            message = "an empty key: everybody could make addresses that this server believes"
            help_text = "write what nobody can guess, such as what `openssl rand -hex 16` prints"
            self.scope.report(UNUSABLE_VALUE.at(key.span, message, help=help_text))
        return key

    def _trusted_resolvers(self) -> tuple[Word, ...]:
        values = self._values("mta trust-resolver") or ()
        return tuple(word for word in values if isinstance(word, Word) and self._is_address(word))

    def _is_address(self, word: Word) -> bool:
        if ipv4_value(word.text) is not None or ipv6_value(word.text) is not None:
            return True
        message = f'expected the address of a resolver, found "{word.text}"'
        self.scope.report(UNUSABLE_VALUE.at(word.span, message, help="write it as /etc/resolv.conf has it"))
        return False

    def _is_queue_key(self, word: Word) -> bool:
        octets = len(word.text.encode("utf-8", "surrogateescape"))
        if word.text.lower() in {"stdin", "-"} or octets == _QUEUE_KEY_OCTETS:
            return True
        message = f"a queue key of {octets} octets; it must have {_QUEUE_KEY_OCTETS}"
        help_text = "write what `openssl rand -hex 16` prints, or `stdin` to be asked at start"
        self.scope.report(UNUSABLE_VALUE.at(word.span, message, help=help_text))
        return False

    def _check_admd(self, word: Word) -> bool:
        stranger = next((at for at, character in enumerate(word.text) if not " " <= character <= "~"), None)
        if stranger is None:
            return True
        message = "`admd` takes printable ASCII characters only"
        span = inside(word, stranger, stranger + 1)
        self.scope.report(UNUSABLE_VALUE.at(span, message, help="write the name of the server"))
        return False

    def _check_delimiter(self, word: Word) -> bool:
        if len(word.text) == 1 and "!" <= word.text <= "~" and word.text != "@":
            return True
        message = f'a sub-address delimiter is one printable character and not `@`, found "{word.text}"'
        self.scope.report(UNUSABLE_VALUE.at(word.span, message, help='the usual one is "+"'))
        return False


def _words_span(statement: syntax.Setting) -> Span:
    end = statement.values[0].span.start if statement.values else statement.span.end
    text = statement.span.source.text[statement.span.start : end]
    return Span(statement.span.source, statement.span.start, statement.span.start + len(text.rstrip()))
