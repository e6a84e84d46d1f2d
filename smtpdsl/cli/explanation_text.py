"""An explanation as text for people.

client     203.0.113.9, not authenticated (assumed: …)
sender     <ann@example.net>
recipient  <joe@example.org>

rules      each rule that was tried, and the first condition of it that failed
verdict    what happens, by which rule, and what the client is told
expansion  how the recipient became the ends, as a tree
deliveries what is done with the message
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from smtpdsl.analysis.explain import Explanation, Line
from smtpdsl.cli.places import place_of
from smtpdsl.diagnostics.cells import visible
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.delivery import Detail, Plan, PlanKind
from smtpdsl.ir.members import Member, MemberKind
from smtpdsl.ir.semantics import Answer, Verdict

if TYPE_CHECKING:
    from smtpdsl.cli.online import HostFinding

_NOT_ASKED: Mapping[int, Sequence[HostFinding]] = {}
_ANSWERS = {Answer.YES: "yes", Answer.NO: "no", Answer.SENSELESS: "no", Answer.UNAVAILABLE: "?"}
_VERDICTS = {
    Verdict.ACCEPT: "accepted",
    Verdict.REJECT: "refused",
    Verdict.TEMPFAIL: "refused for now",
}
_WIDEST_LABEL = 40
_LONGEST_TEXT = 120


def as_text(
    explanation: Explanation, hosts: Mapping[int, Sequence[HostFinding]] = _NOT_ASKED, *, assumption: str = ""
) -> str:
    """Return the explanation for a reader.

    Args:
        explanation: What is explained.
        hosts: What was found out about the next hops of deliveries, by their number.
        assumption: Which part of the client nobody chose.
    """
    sections = [
        _client(explanation, assumption),
        _rules(explanation),
        _verdict(explanation),
        _expansion(explanation),
        _deliveries(explanation, hosts),
        (f"note: {note}" for note in explanation.notes),
    ]
    texts = ["".join(f"{visible(line)}\n" for line in lines) for lines in sections]
    return "\n".join(text for text in texts if text)


def _table(rows: Iterable[tuple[str, str]], indent: int = 0) -> Iterator[str]:
    """Lay *rows* out in two columns."""
    kept = list(rows)
    width = max((len(left) for left, _ in kept if len(left) <= _WIDEST_LABEL), default=0)
    return (f"{' ' * indent}{left:<{width}}  {right}".rstrip() for left, right in kept)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def _at(span: Span | None) -> str:
    return f" ({place_of(span)})" if span is not None else ""


# ---------------------------------------------------------------- who sends what to whom


def _client(explanation: Explanation, assumption: str) -> Iterator[str]:
    envelope = explanation.envelope
    client = envelope.client
    facts = ["the local socket" if client.is_socket else client.source]
    if client.rdns and not client.is_socket:
        facts.append(f"named {client.rdns}")
    if client.login is not None:
        facts.append(f'logged in as "{client.login}"')
    else:
        facts.append("counts as authenticated" if client.is_socket else "not authenticated")
    if client.tls:
        facts.append("over TLS")
    if client.helo and not client.is_socket:
        facts.append(f"HELO {client.helo}")
    if client.tag:
        facts.append(f'listener tag "{client.tag}"')
    shown = ", ".join(facts) + (f" ({assumption})" if assumption else "")
    return _table([("client", shown), ("sender", str(envelope.reverse_path)), ("recipient", f"<{envelope.recipient}>")])


# ---------------------------------------------------------------- which rule, and why not the ones before


def _rules(explanation: Explanation) -> Iterator[str]:
    for _, evaluation in groupby(explanation.trail, key=lambda line: id(line.envelope)):
        lines = list(evaluation)
        envelope = lines[0].envelope
        yield f"rules for <{envelope.recipient}>, as mail of this host" if envelope.is_internal else "rules"
        # One rule of the language before 6.4 may stand for two.
        for span, tried in groupby(lines, key=lambda line: line.rule.span):
            yield f"  {place_of(span)}  {_short(place_of(span).text)}"
            for _, conditions in groupby(tried, key=lambda line: id(line.rule)):
                yield from _table(_conditions(list(conditions)), indent=4)


def _conditions(tried: list[Line]) -> Iterator[tuple[str, str]]:
    """Tell of the conditions of one rule; what held before the one that failed is no news."""
    spans = [line.condition.span for line in tried]
    for line in tried if tried[-1].answer is Answer.YES else tried[-1:]:
        if line.condition.words == "from any" and spans.count(line.condition.span) > 1:
            # `from auth` is two conditions, of which this one says nothing.
            continue
        implied = "implied " if line.condition.is_implied else ""
        yield f"{_ANSWERS[line.answer]:>3}", f"{implied}`{line.condition.words}`: {line.witness.why}"


def _verdict(explanation: Explanation) -> Iterator[str]:
    word, rule, failure = _VERDICTS[explanation.verdict], explanation.rule, explanation.expansion.failure
    rows = []
    if rule is None:
        rows.append(("verdict", f"{word}: no rule matches"))
    elif rule.action is None:
        rows.append(("verdict", f"{word} by {place_of(rule.span)}"))
    else:
        is_later = failure is not None and explanation.expansion.decision.verdict is Verdict.ACCEPT
        within = "in the expansion for" if is_later else "by"
        rows.append(("verdict", f'{word} {within} {place_of(rule.span)}, action "{rule.action.name}"'))
    if failure is not None and rule is not None and rule.action is not None:
        member = failure.member.named
        is_told = member is None or member.kind is MemberKind.ERROR or member.text in failure.why
        of = "" if member is None or is_told else f"{member.text}: "
        rows.append(("because", f"{of}{failure.why}{_at(failure.span)}"))
    return _table([*rows, ("reply", explanation.reply)])


# ---------------------------------------------------------------- what the recipient became


def _expansion(explanation: Explanation) -> Iterator[str]:
    steps, failure = explanation.expansion.steps, explanation.expansion.failure
    if all(step.member.parent is None for step in steps) and (failure is None or failure.member.parent is None):
        # What the rules said of the recipient has been told.
        return
    notes: dict[int, list[tuple[Member, str]]] = {}
    for step in steps:
        above = id(step.member.parent) if step.member.parent else 0
        notes.setdefault(above, []).append((step.member, f"{_short(step.note)}{_at(step.span)}"))
    if failure is not None and failure.member.parent is not None:
        notes.setdefault(id(failure.member.parent), []).append((failure.member, f"refused: {failure.why}"))
    yield "expansion"
    yield from _table(_tree(notes, 0), indent=2)


def _tree(notes: dict[int, list[tuple[Member, str]]], above: int) -> Iterator[tuple[str, str]]:
    """Yield each member with what became of it, and below it what it led to."""
    for _, group in groupby(notes.get(above, ()), key=lambda each: id(each[0])):
        (member, first), *others = group
        yield "  " * member.depth + _label(member), first
        yield from (("", note) for _, note in others)
        yield from _tree(notes, id(member))


def _label(member: Member) -> str:
    match member.kind:
        case MemberKind.COMMAND:
            return f"|{member.text}"
        case MemberKind.ERROR:
            return f"error:{member.text}"
        case MemberKind.ADDRESS:
            return str(member.dest)
    return member.text


# ---------------------------------------------------------------- where the message goes


def _deliveries(explanation: Explanation, hosts: Mapping[int, Sequence[HostFinding]]) -> Iterator[str]:
    if explanation.plans:
        yield "deliveries"
        width = max(len(each.kind.value) for each in explanation.plans)
        for number, each in enumerate(explanation.plans):
            yield f"  {each.kind.value:<{width}}  {each.what or '(nowhere)'}"
            found = [Detail(host.host, host.text) for host in hosts.get(number, ())]
            yield from _table([*_details(each, explanation), *found], indent=width + 4)


def _details(each: Plan, explanation: Explanation) -> Iterator[Detail]:
    if each.problem:
        yield Detail("fails", each.problem)
    if each.kind is not PlanKind.RELAY:
        yield Detail("as", each.user or "the unprivileged account of the server")
    yield from each.details
    if each.delivery.dest != explanation.envelope.recipient:
        yield Detail("for", f"<{each.delivery.dest}>")
    if each.delivery.rule is not explanation.rule:
        action = each.delivery.rule.action
        yield Detail("by", f"{place_of(each.delivery.rule.span)}" + (f', action "{action.name}"' if action else ""))
