"""What `check` says about the meaning of a configuration, each with mail that shows it.

    Ruleset  ->  findings

Reports `contradiction`, `unreachable-match`, `redundant-match`, `tempfail-before-match`,
`open-relay`, `relay-without-auth`, `implied-local`, `alias-cycle`, `dangling-alias`,
`unreachable-entry`, `forward-without-srs`, `catch-all-hides-mailbox` and, where it would
take too long to know, `undecided-rules`.

Most files have no such finding, and nobody wants to wait for that.  So a look at the words
of the rules comes first, and what cannot be there is not looked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from smtpdsl.ir.resolved import (
    Action,
    Condition,
    InTable,
    IsAuthenticated,
    LocalAction,
    LocalDestination,
    LocalSource,
    RelayAction,
    Rule,
    Ruleset,
    Slot,
    SocketSource,
    Subject,
)
from smtpdsl.ir.table_file import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smtpdsl.analysis.rules import AskedRules
    from smtpdsl.analysis.walk import Accounts
    from smtpdsl.diagnostics.diagnostic import Diagnostic
    from smtpdsl.ir.answers import Site


# Entries of a table that are looked at before anything is looked for.
_MOST_ENTRIES = 300


class Findings:
    """What is suspect about one configuration."""

    def __init__(
        self, ruleset: Ruleset, options: Sequence[str], site: Callable[[], Site], accounts: Accounts | None
    ) -> None:
        """Look at *ruleset*, which has no errors.

        Args:
            ruleset: The whole configuration.
            options: Those of commands that show something: which file.
            site: What "local" means, worked out when somebody asks.
            accounts: The accounts and files of this machine; None if nothing of it is to be looked at.
        """
        self.ruleset = ruleset
        self.options = options
        self.accounts = accounts
        self.were_plain = True
        """Whether it showed at once that the rules do what they say."""
        self._look = site
        self._site: Site | None = None
        self._rules: AskedRules | None = None

    def all(self) -> Iterator[Diagnostic]:
        """Yield the findings."""
        rules = self.ruleset.rules
        if any(listener.xclient is not None for listener in self.ruleset.listeners):
            from smtpdsl.analysis.report_speakers import speaker_findings  # noqa: PLC0415 - see above

            yield from speaker_findings(self.ruleset.listeners)
        if self.ruleset.is_partial or any(rule.is_broken for rule in rules):
            return
        if self._wants_rules():
            from smtpdsl.analysis.report_rules import rule_findings  # noqa: PLC0415 - see above

            self.were_plain = False
            yield from rule_findings(self._asked, self.options)
        if any(_may_relay_for_strangers(rule) or _is_implied(rule) for rule in rules) or _may_send_on(self.ruleset):
            from smtpdsl.analysis.report_strangers import stranger_findings  # noqa: PLC0415

            yield from stranger_findings(self._asked, self.options)
        if any(map(_has_known_table, rules)) and not all(self._is_plain(rule.action) for rule in rules):
            from smtpdsl.analysis.report_aliases import alias_findings  # noqa: PLC0415

            yield from alias_findings(self._asked, self.options, self.accounts)

    @property
    def site(self) -> Site:
        """What "local" means."""
        self._site = self._site or self._look()
        return self._site

    @property
    def _asked(self) -> AskedRules:
        """The rules to be asked, made once and only if somebody asks."""
        from smtpdsl.analysis.rules import AskedRules  # noqa: PLC0415 - see above

        if self._rules is None:
            self._rules = AskedRules(self.ruleset, self.site)
        return self._rules

    def _is_plain(self, action: Action | None) -> bool:
        """Whether the tables of *action* lead from names straight to users who exist."""
        if not isinstance(action, LocalAction):
            return True
        users = {entry.key for entry in action.userbase.entries} if action.userbase else set()
        is_anybody = action.userbase is None or action.userbase.backend in {"built-in", "getpwnam"}
        if is_anybody and self.accounts is not None:
            # This machine would have to be asked.
            users = set()
        named: set[str] = set()
        keys: set[str] = set()
        for table in (action.alias, action.virtual):
            if table is not None and table.is_known:
                if len(table.entries) > _MOST_ENTRIES:
                    return False
                keys.update(entry.key for entry in table.entries)
                named.update(name.strip() for entry in table.entries for name in (entry.value or "@").split(","))
        if named & keys or not all(name.replace("_", "a").replace("-", "a").isalnum() for name in named):
            return False
        if any("@" in key and key != "@" for key in keys) or ("@" in keys and not users <= named):
            return False
        return named <= users or (is_anybody and self.accounts is None)

    def _wants_rules(self) -> bool:
        """Whether it does not show at once that every rule can decide something, and makes a difference."""
        rules = self.ruleset.rules
        if len(rules) == 1 and not _has_several(rules[0]):
            return False
        from smtpdsl.analysis.quick import every_rule_matters  # noqa: PLC0415 - see above

        return not every_rule_matters(rules, self.site)


# ---------------------------------------------------------------- what the words of the rules tell


def _has_several(rule: Rule) -> bool:
    """Whether two conditions of *rule* may exclude each other."""
    slots = {each.slot for each in rule.conditions if not each.is_implied}
    return any(each.negated for each in rule.conditions) or {Slot.FOR, Slot.RCPT_TO} <= slots


def _may_relay_for_strangers(rule: Rule) -> bool:
    """Whether *rule* relays, and nothing that it asks for keeps strangers or foreign domains out."""
    return isinstance(rule.action, RelayAction) and not any(map(_is_bar, rule.conditions))


def _is_bar(condition: Condition) -> bool:
    question = condition.question
    if condition.negated:
        return False
    if not isinstance(question, InTable):
        return isinstance(question, LocalSource | SocketSource | IsAuthenticated | LocalDestination)
    if question.subject is Subject.LOGIN:
        return True
    if question.table is None or question.service is Service.REGEX or question.table.backend == "built-in":
        return False
    keys = [entry.key for entry in question.table.entries]
    if question.subject is Subject.DOMAIN:
        return all("*" not in key or key.rpartition("*")[2].count(".") > 1 for key in keys)
    if question.subject is Subject.SOURCE:
        from smtpdsl.analysis.networks import names_somebody  # noqa: PLC0415 - see above

        return all(map(names_somebody, keys))
    return False


def _may_send_on(ruleset: Ruleset) -> bool:
    return any(map(_has_known_table, ruleset.rules)) and any(isinstance(r.action, RelayAction) for r in ruleset.rules)


def _is_implied(rule: Rule) -> bool:
    """Whether *rule* takes mail for named domains and says nothing about clients."""
    source, destination = rule.condition(Slot.FROM), rule.condition(Slot.FOR)
    is_named = destination is not None and isinstance(destination.question, InTable)
    return is_named and source is not None and source.is_implied and rule.action is not None


def _has_known_table(rule: Rule) -> bool:
    action = rule.action
    if not isinstance(action, LocalAction):
        return False
    return any(table is not None and table.is_known and table.entries for table in (action.alias, action.virtual))
