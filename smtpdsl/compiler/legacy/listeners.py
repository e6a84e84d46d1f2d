"""`listen`: nearly the same words, and two listeners for one `secure`.

    mask-source           ->   mask-src
    secure, ssl           ->   `tls` on port 25, and a second listener with `smtps`
    certificate N         ->   pki N, with the files that releases before 5.4.1 looked for
    TLS without a pki     ->   the pki of the host name, else that of every name

Reports `conflicting-options`, `duplicate-option`, `legacy-leftover` and `portability`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smtpdsl.compiler.legacy.filters import filter_option
from smtpdsl.compiler.legacy.nodes import option, word_argument
from smtpdsl.compiler.legacy.surroundings import Surroundings
from smtpdsl.diagnostics.codes import CONFLICTING_OPTIONS, DUPLICATE_OPTION, LEGACY_LEFTOVER
from smtpdsl.diagnostics.diagnostic import Fix, Related
from smtpdsl.ir import syntax
from smtpdsl.ir.syntax import Option, Word

_BOTH = frozenset({"secure", "ssl"})
_TLS_MODES = frozenset({"tls", "tls-require", "smtps"})
_WITHOUT_EFFECT = frozenset({"dsn-notify", "dsn-ret"})


def translate_socket(statement: syntax.ListenSocket, around: Surroundings) -> syntax.ListenSocket:
    """Return the modern `listen on socket`."""
    return statement.replace(options=tuple(_options(statement.options, around)))


def translate_listen(statement: syntax.Listen, around: Surroundings) -> Iterator[syntax.Listen]:
    """Yield one listener, or two for `secure`."""
    options = _one_pki(_options(statement.options, around), around)
    _add_pki(options, around)
    _add_ca(options, around)
    both = next((each for each in options if each.keyword in _BOTH), None)
    if both is None:
        yield statement.replace(options=tuple(options))
        return
    modes = ["tls"] if _has_conflict(both, options, around) else ["tls", "smtps"]
    for mode in modes:
        secured = [each.replace(keyword=mode) if each is both else each for each in options]
        kept = (each for each in secured if each.keyword == mode or each.keyword not in _TLS_MODES | _BOTH)
        yield statement.replace(options=tuple(kept))


def _options(options: tuple[Option, ...], around: Surroundings) -> Iterator[Option]:
    """Yield each option under its modern name; defaults come later."""
    for each in options:
        match each.keyword:
            case "mask-source":
                yield each.replace(keyword="mask-src")
            case "mask-src":
                _report_modern_word(each, around)
                yield each
            case "certificate":
                yield each.replace(keyword="pki")
            case "filter":
                yield filter_option(each)
            case keyword if keyword in _WITHOUT_EFFECT:
                _report_leftover(each, around)
            case _:
                yield each


def _report_modern_word(given: Option, around: Surroundings) -> None:
    around.report(
        LEGACY_LEFTOVER.at(
            given.span,
            "`mask-src` is a word of 6.4 and later; releases that know `accept` refuse it",
            help="write `mask-source`",
            fix=Fix.replacing(given.span, "mask-source", safe=True),
        )
    )


def _report_leftover(given: Option, around: Surroundings) -> None:
    words = f"{given.keyword} {given.modifier}"
    around.report(
        LEGACY_LEFTOVER.at(
            given.span,
            f"`{words}` has no effect: only releases 5.7.1 to 5.7.3 knew it",
            help="remove it; `no-dsn` hides DSN altogether",
            fix=Fix.replacing(given.span, "", safe=True),
        )
    )


def _one_pki(options: Iterable[Option], around: Surroundings) -> list[Option]:
    """Return *options* with one certificate; several, for several names, came with 6.4."""
    kept: list[Option] = []
    first: Option | None = None
    for each in options:
        if each.keyword != "pki" or first is None:
            kept.append(each)
            first = each if each.keyword == "pki" else first
            continue
        message = "a second certificate for one listener"
        related = (Related(first.span, "first given here"),)
        help_text = "remove one of them"
        around.report(DUPLICATE_OPTION.at(each.span, message, related=related, help=help_text))
    return kept


def _add_pki(options: list[Option], around: Surroundings) -> None:
    """Name the certificate that a listener with TLS took without being told."""
    tls = next((each for each in options if each.keyword in _TLS_MODES | _BOTH), None)
    if tls is None or any(each.keyword == "pki" for each in options):
        return
    hostname = next((word_argument(each).text for each in options if each.keyword == "hostname"), None)
    name = around.default_pki(hostname)
    # Without any such entry nothing is added: that TLS needs a certificate is said by a later pass.
    if name is not None:
        options.append(option("pki", tls.keyword_span, Word(span=tls.keyword_span, text=name)))


def _add_ca(options: list[Option], around: Surroundings) -> None:
    """Name the authority that came with the certificate, up to 5.4.6."""
    pki = next((each for each in options if each.keyword == "pki"), None)
    if pki is None or any(each.keyword == "ca" for each in options):
        return
    name = word_argument(pki)
    if name.text.lower() in around.pkis_with_ca:
        options.append(option("ca", pki.span, name))


def _has_conflict(both: Option, options: list[Option], around: Surroundings) -> bool:
    """Whether another option excludes *both*, which opens two ports by itself."""
    port = next((each for each in options if each.keyword == "port"), None)
    mode = next((each for each in options if each.keyword in _TLS_MODES | _BOTH and each is not both), None)
    if port is not None:
        message = f"`{both.keyword}` opens port 25 for STARTTLS and 465 for TLS, and `port` allows only one"
        related = (Related(port.span, "one port for both kinds of TLS"),)
        help_text = "write two listeners: one with `tls`, one with `smtps`"
    elif mode is not None:
        message = f"`{both.keyword}` and `{mode.keyword}` exclude each other"
        related = (Related(mode.keyword_span, "given here"),)
        help_text = "a listener has one kind of TLS"
    else:
        return False
    around.report(CONFLICTING_OPTIONS.at(both.keyword_span, message, related=related, help=help_text))
    return True
