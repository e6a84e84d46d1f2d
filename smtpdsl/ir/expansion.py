"""Where mail for a recipient ends up: aliases, virtual users and `.forward`, as a pure work list.

    joe@example.org --rule--> action "in", virtual <v>
      joe                     entry `joe@example.org`
        ann@example.net       back through the rules, as mail of this host --> action "out"
        /var/mail/archive     a file
        ben                   a user whose .forward says
          |vacation           a command, which runs as ben

The list is worked off first in, first out.  Tables, users, files and rules are questions to
the caller, so that `explain` and the server walk the same path.  One member that fails
refuses the whole recipient, and the failure names it.

A member that is there already is followed once.  A circle of users therefore ends by
itself; an address that leads to itself refuses the recipient, because its mail would
go round for ever if another server stood on the way.

A report may come back to a sender that SRS has rewritten.  That address stands for the one that is
signed in it, which the rules see as mail of this host.

A `.forward` is its user's: what is wrong with it waits until they have mended it, and no
reply tells what stands in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import NoReturn, Protocol, TypeAlias

from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.alias_value import IncludeTarget, Target, parse_targets
from smtpdsl.ir.format_string import FormatProblem, parse_format
from smtpdsl.ir.forward_file import Forward, ForwardError, ForwardFile, ForwardProblem, parse_forward
from smtpdsl.ir.matching import fold
from smtpdsl.ir.members import Account, Delivery, Entry, Expansion, Failure, Member, MemberKind, Step, children_of
from smtpdsl.ir.resolved import ExpandOnly, ForwardOnly, LocalAction, RelayAction, Table
from smtpdsl.ir.semantics import Decision, Verdict
from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.envelope import Envelope
from smtpdsl.text_error import TextError

# A member at this depth refuses the recipient (EXPAND_DEPTH of the original).
MAX_DEPTH = 10
# The original has no limit here; this one keeps a single recipient from filling the queue.
MAX_MEMBERS = 10_000
# And this is its limit, the recipient included, where a `.forward` takes part.
MAX_FORWARD_MEMBERS = 100

# Replies of the original; the recipient follows.
INVALID_RECIPIENT = "550 5.1.1 Invalid recipient"
TEMPORARY_FAILURE = "451 4.3.0 Temporary failure"
BROKEN_FOR_NOW = "424 4.2.4 Mailing list expansion problem"
BROKEN = "524 5.2.4 Mailing list expansion problem"
_PERMANENT = 500
_ROOT = 0


class Outage(Enum):
    """A question that could not be answered now."""

    UNAVAILABLE = "unavailable"


class Questions(Protocol):
    """What the expansion asks its caller."""

    def decide(self, envelope: Envelope) -> Decision:
        """Evaluate the rules for *envelope*."""

    def entry(self, table: Table, key: str) -> Entry | Outage | None:
        """Look *key*, in lower case, up in a table of aliases."""

    def account(self, userbase: Table | None, name: str) -> Account | Outage | None:
        """Look a user up."""

    def included(self, path: str) -> tuple[str, ...] | None:
        """The lines of a file that an alias includes, without comments; None if it cannot be read."""

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """The `.forward` in the home directory of a user; None if there is none."""


# What an address of the form of SRS stands for: a text says why it does not, None is any other address.
Decode: TypeAlias = Callable[[Mailbox], Mailbox | str | None]


class _RefusedError(Exception):
    """The recipient is refused, with the failure as its argument."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reply)
        self.failure = failure


def expand(envelope: Envelope, questions: Questions, delimiter: str, decode: Decode | None = None) -> Expansion:
    """Follow the recipient of *envelope* to the ends.

    Args:
        envelope: Sender, recipient and client.
        questions: What is asked on the way.
        delimiter: It starts a sub-address.
        decode: Reads the addresses that SRS has made, as of now; without it they are like any others.
    """
    walk = _Walk(envelope, questions, delimiter, decode)
    start, decision = walk.begin()
    failure = None
    try:
        walk.run(start, decision)
    except _RefusedError as refused:
        failure = refused.failure
    return Expansion(
        decision=decision,
        steps=tuple(walk.steps),
        deliveries=() if failure is not None else tuple(walk.deliveries.values()),
        failure=failure,
        warnings=tuple(walk.warnings),
    )


class _Walk:
    """The work list and what came out of it."""

    def __init__(self, envelope: Envelope, questions: Questions, delimiter: str, decode: Decode | None) -> None:
        self.envelope = envelope
        self.questions = questions
        self.delimiter = delimiter
        # Nothing else than a report comes to such an address: its sender is null.
        self.decode = decode if envelope.reverse_path.is_null else None
        self.steps: list[Step] = []
        self.warnings: list[str] = []
        self.deliveries: dict[object, Delivery] = {}
        self.queue: deque[Member] = deque()
        self.seen: set[object] = set()
        self.has_forward = False

    def begin(self) -> tuple[Member, Decision]:
        """Return the recipient, or what it stands for, and what the rules say of it."""
        recipient = self.envelope.recipient
        start = Member(kind=MemberKind.ADDRESS, text=fold(str(recipient)), dest=recipient)
        meant = self._meant(start)
        if meant is start:
            return start, self.questions.decide(self.envelope)
        return meant, self._decide(meant)

    def run(self, start: Member, decision: Decision) -> None:
        self._address(start, decision)
        while self.queue:
            self._member(self.queue.popleft())
        if not self.deliveries:
            self._refuse_circle(start, "nothing is left to deliver to", is_forwarded=self.has_forward)

    def _member(self, member: Member) -> None:
        if member.depth >= MAX_DEPTH:
            why = f"more than {MAX_DEPTH - 1} steps from the recipient"
            self._refuse_circle(member, why, is_forwarded=member.is_forwarded)
        match member.kind:
            case MemberKind.ADDRESS:
                member = self._meant(member)
                self._address(member, self._decide(member))
            case MemberKind.USER:
                self._user(member)
            case MemberKind.ERROR:
                self._error(member)
            case MemberKind.FILE | MemberKind.COMMAND:
                self._file_or_command(member)

    def _decide(self, member: Member) -> Decision:
        """Ask the rules about an address that this host has made of another."""
        return self.questions.decide(self.envelope.replace(recipient=member.dest, is_internal=True))

    # ------------------------------------------------------------ kinds of members

    def _meant(self, member: Member) -> Member:
        """Return the address that *member* stands for, if it is one that SRS has made, and else itself.

        Mail that was forwarded here twice has an address in the address; what is in there may be another server's, too.
        """
        start = member
        while self.decode is not None and (found := self.decode(member.dest)) is not None:
            if isinstance(found, str):
                if member is start:
                    self.warnings.append(f"<{member.dest}> is no SRS address of this server: {found}")
                    self._step(member, f"no SRS address of this server, so it is taken as it is: {found}")
                break
            self._step(member, f"an SRS address, which stands for <{found}>")
            member = Member(
                kind=MemberKind.ADDRESS, text=fold(str(found)), dest=found, depth=member.depth + 1, parent=member
            )
        return member

    def _address(self, member: Member, decision: Decision) -> None:
        """Let the rules decide: relay it, look it up, or take its local part as a user."""
        rule = decision.rule
        if decision.verdict is Verdict.TEMPFAIL:
            why = "a condition cannot be answered now"
            self._refuse(member, Verdict.TEMPFAIL, TEMPORARY_FAILURE, why, rule.span if rule else None)
        if rule is None:
            self._refuse(member, Verdict.REJECT, INVALID_RECIPIENT, "no rule matches")
        if rule.action is None:
            self._refuse(member, Verdict.REJECT, INVALID_RECIPIENT, "the rule that matches rejects", rule.span)
        member = member.replace(rule=rule)
        self._step(member, f'action "{rule.action.name}"', rule.span)
        if member.parent and any(each.text == member.text and each.rule is rule for each in member.addresses_above):
            # The same question again: what follows is what has been.
            self._refuse_circle(member, "this address leads to itself", is_forwarded=member.is_forwarded)
        if isinstance(rule.action, RelayAction):
            self.deliveries[member.identity] = Delivery(kind=MemberKind.ADDRESS, rule=rule, dest=member.dest)
        elif rule.action.virtual is not None:
            self._virtual(member, rule.action.virtual)
        else:
            dest, depth = member.dest, member.depth + 1
            user = fold(dest.local_part)
            self._add(Member(kind=MemberKind.USER, text=user, dest=dest, depth=depth, parent=member, rule=rule))

    def _virtual(self, member: Member, table: Table) -> None:
        address, user, domain = fold(str(member.dest)), fold(member.dest.local_part), fold(member.dest.domain)
        if not self._look_up(member, table, [*self._keys(user, domain), f"@{domain}", "@"]):
            why = f'"{address}" has no entry in {table.shown}, and there is none for everybody'
            self._refuse(member, Verdict.REJECT, BROKEN, why)

    def _user(self, member: Member) -> None:
        """Look the name up as an alias, else as a user."""
        action = _local_action(member)
        table = action.alias or action.virtual
        if table is not None and not member.is_same_user:
            # What a virtual entry names is looked up there once more, in no domain.
            keys = self._keys(member.text, "" if action.virtual is table else None)
            if self._look_up(member, table, keys):
                return
        user, tag = self._split(member.text)
        account = self.questions.account(action.userbase, user)
        if isinstance(account, Outage):
            why = f"{_userbase(action)} cannot be asked now"
            self._refuse(member, Verdict.TEMPFAIL, TEMPORARY_FAILURE, why)
        if account is None:
            self._refuse(member, Verdict.REJECT, INVALID_RECIPIENT, f'no user "{user}" in {_userbase(action)}')
        above = member.parent.account if member.parent else None
        is_kept = above is not None and above.name == account.name
        if is_kept or not self._follow(member, account):
            self._mailbox(member, account, tag, is_kept=is_kept)

    def _mailbox(self, member: Member, account: Account, tag: str | None, *, is_kept: bool) -> None:
        """End at a user, if the action delivers; *is_kept* says that the user's own `.forward` asks for it."""
        action = _local_action(member)
        if isinstance(action.method, ForwardOnly | ExpandOnly):
            does = "forwards" if isinstance(action.method, ForwardOnly) else "expands"
            nothing = f'"{account.name}" is no alias and forwards nothing'
            why = f'"{account.name}" keeps a copy' if is_kept else nothing
            why += f', and action "{action.name}" only {does}'
            if isinstance(action.method, ForwardOnly):
                self._refuse(member, Verdict.TEMPFAIL, BROKEN_FOR_NOW, why)
            self._refuse_circle(member, why, is_forwarded=is_kept)
        self._step(member, f'user "{account.name}" of {_userbase(action)}')
        self._end(member, account=account, extension=tag or None)

    def _file_or_command(self, member: Member) -> None:
        action = _local_action(member)
        if isinstance(action.method, ForwardOnly):
            why = f'a {member.kind.value}, and action "{action.name}" only forwards'
            self._refuse(member, Verdict.TEMPFAIL, TEMPORARY_FAILURE, why)
        account = member.parent.account if member.parent else None
        if account is not None and account.uid == _ROOT:
            why = f'a {member.kind.value} of "{account.name}", who has user number 0: nothing is delivered as that'
            self._refuse(member, Verdict.TEMPFAIL, TEMPORARY_FAILURE, why)
        if account is not None and (problem := next(filter(_is_fatal, parse_format(member.text).problems), None)):
            # It would fail at each delivery, and for good.
            why = f"a {member.kind.value} of {account.name} is unusable: {problem.message}"
            self._refuse(member, Verdict.TEMPFAIL, TEMPORARY_FAILURE, why)
        self._step(member, "gets the message")
        self._end(member, account=account, target=member.text)

    def _error(self, member: Member) -> None:
        action = _local_action(member)
        if isinstance(action.method, ForwardOnly):
            why = f'"error:{member.text}", and action "{action.name}" only forwards'
            self._refuse(member, Verdict.TEMPFAIL, TEMPORARY_FAILURE, why)
        verdict = Verdict.REJECT if int(member.text[:3]) >= _PERMANENT else Verdict.TEMPFAIL
        assert member.entry is not None, "nothing else is an error"
        self._refuse(member, verdict, member.text, f"{member.entry.shown} says so")

    # ------------------------------------------------------------ .forward

    def _follow(self, member: Member, account: Account) -> bool:
        """Replace a user by what their `.forward` says; False if there is none, or nothing in it."""
        action = _local_action(member)
        found = self._forward_file(member, account)
        if found is None:
            return False
        forward = self._parse_forward(member, found)
        if not forward.targets:
            return False
        self.has_forward = True
        member = member.replace(account=account)
        self._step(member, f'user "{account.name}" of {_userbase(action)}')
        self._step(member, f".forward of {account.name} ({found.path}): {forward.shown}")
        entry = Entry(key=account.name, value=forward.shown, is_forward=True)
        for child in children_of(entry, forward.targets, member.dest):
            self._add_child(child, member)
        # The recipient is not among those that were seen.
        if len(self.seen) >= MAX_FORWARD_MEMBERS:
            why = f"more than {MAX_FORWARD_MEMBERS} members, with those of {found.path}"
            self._refuse(member, Verdict.TEMPFAIL, BROKEN_FOR_NOW, why)
        return True

    def _forward_file(self, member: Member, account: Account) -> ForwardFile | None:
        user = _local_action(member).user
        if not account.home or (user is not None and user.text != account.name):
            # Whoever delivers as another user has nothing to do with this one's files.
            return None
        found = self.questions.forward(account)
        if isinstance(found, ForwardProblem):
            reply = BROKEN_FOR_NOW if found.is_passing else TEMPORARY_FAILURE
            self._refuse(member, Verdict.TEMPFAIL, reply, found.why)
        return found

    def _parse_forward(self, member: Member, found: ForwardFile) -> Forward:
        try:
            return parse_forward(found.text)
        except ForwardError as error:
            self._refuse(member, Verdict.TEMPFAIL, TEMPORARY_FAILURE, f"{found.path} is unusable: {error}")

    # ------------------------------------------------------------ tables and children

    def _keys(self, name: str, domain: str | None) -> list[str]:
        """The keys for *name*, with its sub-address first; with a domain, even an empty one, also ``name@domain``."""
        user, tag = self._split(name)
        names = [name, user] if tag is not None else [name]
        return names if domain is None else [*(f"{each}@{domain}" for each in names), *names]

    def _look_up(self, member: Member, table: Table, keys: list[str]) -> bool:
        """Replace *member* by what the first key with an entry says; False if none has one."""
        for key in keys:
            entry = self.questions.entry(table, key)
            if isinstance(entry, Outage):
                self._refuse(member, Verdict.TEMPFAIL, TEMPORARY_FAILURE, f"{table.shown} cannot be asked now")
            if entry is not None:
                self._step(member, f"{table.shown} has {entry.key}: {entry.value}", entry.span)
                for child in children_of(entry, self._targets(member, entry), member.dest):
                    self._add_child(child, member)
                return True
        return False

    def _targets(self, member: Member, entry: Entry) -> list[Target]:
        """Read an entry, with the lines of the files that it includes in place; those include no further.

        A file with too many members is not read to its end: whoever names it would keep everybody else waiting.
        """
        found: list[Target] = []
        different: set[Target] = set()
        for target in self._parse(member, entry.value, entry.shown, entry.span):
            if not isinstance(target, IncludeTarget):
                found.append(target)
                continue
            lines = self.questions.included(target.path)
            if lines is None:
                self._step(member, f"cannot read {target.path}: it adds nobody", entry.span)
            for line in lines or ():
                inside = self._parse(member, line, f'"{line}" of {target.path}', entry.span)
                found.extend(each for each in inside if not isinstance(each, IncludeTarget))
                different.update(inside)
                if len(different) > MAX_MEMBERS:
                    why = f"more than {MAX_MEMBERS} members, with those of {target.path}"
                    self._refuse(member, Verdict.TEMPFAIL, BROKEN_FOR_NOW, why, entry.span)
        return found

    def _parse(self, member: Member, text: str, what: str, span: Span | None) -> tuple[Target, ...]:
        try:
            return parse_targets(text)
        except TextError as error:
            self._refuse(member, Verdict.TEMPFAIL, BROKEN_FOR_NOW, f"{what} is unusable: {error.message}", span)

    def _add_child(self, child: Member, parent: Member) -> None:
        """Put *child*, which an entry of *parent* names, on the list."""
        rule = child.rule if child.kind is MemberKind.ADDRESS else parent.rule
        self._add(child.replace(depth=parent.depth + 1, parent=parent, rule=rule))

    def _add(self, child: Member) -> None:
        """Put *child* on the list, unless an equal member was there already."""
        key = child.identity
        if key in self.seen:
            if child.kind is MemberKind.ADDRESS and any(each.text == child.text for each in child.addresses_above):
                self._refuse_circle(child, "this address leads to itself", is_forwarded=child.is_forwarded)
            self._step(child, "is there already")
            return
        if len(self.seen) >= MAX_MEMBERS:
            self._refuse(child, Verdict.TEMPFAIL, BROKEN_FOR_NOW, f"more than {MAX_MEMBERS} members")
        self.seen.add(key)
        self.queue.append(child)

    # ------------------------------------------------------------ ends

    def _end(
        self, member: Member, *, account: Account | None = None, extension: str | None = None, target: str = ""
    ) -> None:
        """End at a user, a file or a command; what was reached twice in one name gets one copy.

        The *account* of a file or a command is that of the user whose `.forward` names it.
        """
        assert member.rule is not None
        found = Delivery(
            kind=member.kind,
            rule=member.rule,
            dest=member.dest,
            account=account,
            extension=extension,
            target=target,
        )
        name = account.name if account is not None else None
        key = (member.kind, id(member.rule.action), member.dest, name, extension, target)
        self.deliveries.setdefault(key, found)

    def _split(self, name: str) -> tuple[str, str | None]:
        user, delimiter, tag = name.partition(self.delimiter)
        return user, tag if delimiter else None

    def _step(self, member: Member, note: str, span: Span | None = None) -> None:
        self.steps.append(Step(member=member, note=note, span=span))

    def _refuse_circle(self, member: Member, why: str, *, is_forwarded: bool) -> NoReturn:
        """Refuse what leads nowhere: for good, or for now if a `.forward` takes part, whose owner can mend it."""
        if is_forwarded:
            self._refuse(member, Verdict.TEMPFAIL, TEMPORARY_FAILURE, why)
        self._refuse(member, Verdict.REJECT, BROKEN, why)

    def _refuse(self, member: Member, verdict: Verdict, reply: str, why: str, span: Span | None = None) -> NoReturn:
        named = member.named
        raise _RefusedError(
            Failure(
                verdict=verdict,
                reply=f"{reply}: <{self.envelope.recipient}>{member.blame}",
                member=member,
                why=why,
                span=span or (named.entry.span if named and named.entry else None),
            )
        )


def _local_action(member: Member) -> LocalAction:
    assert member.rule is not None
    assert isinstance(member.rule.action, LocalAction), "only local actions have users, files and commands"
    return member.rule.action


def _is_fatal(problem: FormatProblem) -> bool:
    return problem.is_fatal


def _userbase(action: LocalAction) -> str:
    return action.userbase.shown if action.userbase else "the accounts of this system"
