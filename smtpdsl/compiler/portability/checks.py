"""The table of contents: every difference, and the releases that have it."""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.compiler.portability import deliveries, refused, sessions, tables
from smtpdsl.compiler.portability.finding import Candidate, Check
from smtpdsl.compiler.target import Target
from smtpdsl.diagnostics.diagnostic import Diagnostic
from smtpdsl.ir import syntax
from smtpdsl.ir.resolved import Ruleset
from smtpdsl.ir.syntax import Dialect

_6_8 = frozenset({Target.OPENSMTPD_6_8})
_7_8 = frozenset({Target.OPENSMTPD_7_8})
_BOTH = _6_8 | _7_8

_CHECKS: tuple[tuple[frozenset[Target], Check], ...] = (
    # What is refused.
    (_BOTH, refused.late_declarations),
    (_BOTH, refused.late_srs_key),
    (_7_8, refused.pki_in_other_case),
    (_6_8, refused.tls_strings),
    (_6_8, refused.several_certificates),
    (_6_8, refused.socket_without_dsn),
    (_6_8, refused.newlines_in_braces),
    (_6_8, tables.mappings_as_lists),
    (_6_8, tables.databases),
    (_BOTH, tables.commands_of_programs),
    (_6_8, tables.bracketed_lists),
    (_BOTH, refused.our_options),
    (_BOTH, refused.our_limits),
    (_BOTH, refused.our_statements),
    (_BOTH, refused.several_conditions),
    # What is done otherwise.
    (_BOTH, refused.queue_key_from_terminal),
    (_7_8, tables.blanks_before_colons),
    (_6_8, tables.bracketed_addresses),
    (_BOTH, tables.lowered_regexes),
    (_BOTH, tables.degraded_addresses),
    (_BOTH, tables.foreign_hashes),
    (_BOTH, sessions.tls_conditions),
    (_BOTH, sessions.reverse_name_wildcards),
    (_BOTH, sessions.auth_phases),
    (_BOTH, sessions.bypasses),
    (_BOTH, sessions.hostnames_everywhere),
    (_BOTH, sessions.long_hostnames),
    (_BOTH, deliveries.long_action_names),
    (_BOTH, deliveries.quotes_in_commands),
    (_BOTH, deliveries.slashes_in_paths),
    (_BOTH, deliveries.mixed_smarthosts),
    (_7_8, deliveries.wrapped_mailboxes),
    (_7_8, deliveries.unquoted_destinations),
    (_6_8, deliveries.delivering_users),
    (_6_8, deliveries.original_recipients),
)


def findings_for(ruleset: Ruleset, config: syntax.Config, target: Target) -> Iterator[Diagnostic]:
    """Yield what *target* refuses of a configuration, or does otherwise."""
    candidate = Candidate(ruleset, config, target)
    if config.dialect is Dialect.LEGACY:
        # Nothing that could be said of a statement would still matter.
        yield from refused.legacy_language(candidate)
        return
    for targets, check in _CHECKS:
        if target in targets:
            yield from check(candidate)
