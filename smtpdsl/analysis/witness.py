"""An envelope that shows something, as a command that shows it: paste it and see.

    smtpdsl explain -f smtpd.conf --from 203.0.113.9 somebody@domain.invalid joe@example.org

Nothing is shown before the reference has said the same (`replay`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from smtpdsl.analysis.questions import question_key
from smtpdsl.ir.answers import Site, answer, key_of
from smtpdsl.ir.resolved import InTable, Question, Rule, Ruleset, Table
from smtpdsl.ir.semantics import Answer, Decision, evaluate
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.envelope import LOCAL, Envelope


class Witness(NamedTuple):
    """An envelope, and what has to be so in tables that are not known here."""

    envelope: Envelope
    assumed: tuple[tuple[Question, Answer], ...] = ()

    def command(self, options: Sequence[str], ruleset: Ruleset) -> str:
        """Return the command that explains the envelope, an internal one excepted; *options* say which file."""
        import shlex  # noqa: PLC0415 - most files have nothing to show

        envelope, client = self.envelope, self.envelope.client
        words = ["smtpdsl", "explain", *options, "--from", _shown_source(client.source)]
        usual_name, usual_helo, usual_tag = _usual(client.source, ruleset)
        if client.rdns != usual_name:
            words += ["--rdns", client.rdns or ""]
        if client.helo != usual_helo:
            words += ["--helo", client.helo]
        if client.login is not None:
            words += ["--auth", client.login]
        elif client.tls:
            words += ["--tls"]
        if client.tag != usual_tag:
            words += ["--tag", client.tag]
        sender = str(envelope.reverse_path.mailbox) if envelope.reverse_path.mailbox else "<>"
        return shlex.join([*words, sender, str(envelope.recipient)])

    @property
    def is_conditional(self) -> bool:
        """Whether some table that is not known here has to have something."""
        return any(given is Answer.YES for _, given in self.assumed)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What has to be so, in words."""
        return tuple(filter(None, (_assumption(*each, self.envelope) for each in self.assumed)))


def _usual(source: str, ruleset: Ruleset) -> tuple[str | None, str, str]:
    """Return the name, the HELO and the tag that `explain` assumes for a client."""
    if source != LOCAL:
        return None, "", ""
    tag = next((listener.tag.value for listener in ruleset.listeners if listener.is_socket), "")
    return ruleset.server_name, "localhost", tag


def _shown_source(source: str) -> str:
    if source in {LOCAL, "127.0.0.1"}:
        return "socket" if source == LOCAL else "local"
    if not source.startswith("["):
        return source
    from ipaddress import IPv6Address  # noqa: PLC0415 - slow to import, and few witnesses need it

    return str(IPv6Address(source[1:-1]))


def _assumption(question: Question, given: Answer, envelope: Envelope) -> str:
    if not isinstance(question, InTable) or question.table is None or given not in {Answer.YES, Answer.NO}:
        return ""
    key = key_of(question.subject, envelope)
    if not key:
        return ""
    return f'if {question.table.shown} {"has" if given is Answer.YES else "does not have"} "{key}"'


# ---------------------------------------------------------------- replaying


class Assumed:
    """Answers for tables that live elsewhere, as a witness assumes them; nothing else can be answered."""

    def __init__(self, assumed: Iterable[tuple[Question, Answer]]) -> None:
        """Know *assumed*."""
        self.by_question: Mapping[object, Answer] = {question_key(question): given for question, given in assumed}

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Fail: questions are answered whole, before a table is asked."""
        del table, service, key
        return Answer.UNAVAILABLE

    def __call__(self, question: Question, envelope: Envelope, site: Site) -> Answer:
        """Answer *question*."""
        found = answer(question, envelope, site, self).answer
        return self.by_question.get(question_key(question), found) if found is Answer.UNAVAILABLE else found


def replay(rules: Sequence[Rule], witness: Witness, site: Site) -> Decision:
    """Return what the reference decides about *witness*."""
    known = Assumed(witness.assumed)
    return evaluate(rules, lambda question: known(question, witness.envelope, site))
