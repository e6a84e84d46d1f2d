"""What a release does otherwise while a client is connected: conditions, filters, names."""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.compiler.check.entries import entry_span
from smtpdsl.compiler.portability.finding import Candidate, differs
from smtpdsl.diagnostics.diagnostic import Diagnostic, Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.resolved import BuiltinFilter, InTable, Phase, Slot, Subject
from smtpdsl.ir.table_file import Service

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
# HOST_NAME_MAX of Linux.
_MAX_HOSTNAME_OCTETS = 64


def tls_conditions(candidate: Candidate) -> Iterator[Diagnostic]:
    """`match tls` fails whenever it is asked."""
    for rule in candidate.ruleset.rules:
        if condition := rule.condition(Slot.TLS):
            message = f"{candidate.release} cannot ask `tls`: every recipient that reaches this rule gets 451"
            yield differs(condition.span, message, "give the listener a `tag`, and ask for that")


def reverse_name_wildcards(candidate: Candidate) -> Iterator[Diagnostic]:
    """`from rdns "*.example.org"` in a rule compares the star as it is."""
    seen: set[Span] = set()
    for rule in candidate.ruleset.rules:
        condition = rule.condition(Slot.FROM)
        asked = condition.question if condition else None
        if not isinstance(asked, InTable) or asked.subject is not Subject.RDNS or asked.service is not Service.DOMAIN:
            continue
        entry = next((each for each in asked.table.entries if "*" in each.key), None) if asked.table else None
        if entry is not None and entry.span not in seen and condition is not None:
            seen.add(entry.span)
            message = f'{candidate.release} knows no stars in `from rdns`: "{entry.key}" never matches'
            related = () if asked.table and asked.table.is_anonymous else (Related(condition.span, "asked here"),)
            yield differs(entry_span(entry), message, "use `from rdns regex`", related)


def auth_phases(candidate: Candidate) -> Iterator[Diagnostic]:
    """A filter of phase `auth` runs at connect."""
    for each in _builtin_filters(candidate):
        if each.phase is Phase.AUTH:
            message = f"{candidate.release} runs this filter when a client connects, and not in phase `auth`"
            if any(condition.subject == "helo" for condition in each.conditions):
                message = f"{candidate.release} ends at the first connection: it asks for `helo` before there is one"
            yield differs(each.phase_span, message, "use phase `mail-from` with the condition `auth`")


def bypasses(candidate: Candidate) -> Iterator[Diagnostic]:
    """`bypass` is for one phase, and not for the session."""
    for each in _builtin_filters(candidate):
        if each.decision.kind == "bypass":
            message = (
                f"{candidate.release} skips the filters of phase `{each.phase.value}` only, not those of later phases"
            )
            yield differs(each.decision.span, message, "add a filter with `bypass` for each phase that has others")


def _builtin_filters(candidate: Candidate) -> Iterator[BuiltinFilter]:
    return (each for each in candidate.ruleset.filters.values() if isinstance(each, BuiltinFilter))


def hostnames_everywhere(candidate: Candidate) -> Iterator[Diagnostic]:
    """`hostnames` is asked for the address in `listen on`, and not for the one that was reached."""
    for listener in candidate.ruleset.listeners:
        if listener.hostnames and listener.interface and listener.interface.text in _EVERYWHERE:
            address = listener.interface.text
            message = f"{candidate.release} asks `hostnames` for {address}, whichever address a client has reached"
            yield differs(listener.places["hostnames"], message, "write a `listen on` for each address")


def long_hostnames(candidate: Candidate) -> Iterator[Diagnostic]:
    """A name is cut at the limit of the platform."""
    for listener in candidate.ruleset.listeners:
        if listener.hostname.span and len(listener.hostname.value) > _MAX_HOSTNAME_OCTETS:
            message = f"{candidate.release} cuts this name after {_MAX_HOSTNAME_OCTETS} characters on Linux"
            yield differs(listener.hostname.span, message, "use a shorter one")
