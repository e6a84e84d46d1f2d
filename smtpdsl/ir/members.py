"""What an expansion is made of: its members, its steps, and how it ends.

    joe@example.org          Member: the recipient
      joe                    Member: a user, with an entry in the aliases
        ann                  Member: a user with an account        ->  Delivery
        ben                  Member: a user with a .forward
          "|vacation"        Member: a command, which is ben's     ->  Delivery
        nosuch               Member: a user nobody knows           ->  Failure, and no delivery at all

`ir.expansion` makes them, `explain` shows them, the server makes envelopes of the deliveries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import ClassVar, assert_never

from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.alias_value import (
    AddressTarget,
    CommandTarget,
    ErrorTarget,
    FileTarget,
    IncludeTarget,
    Target,
    UserTarget,
)
from smtpdsl.ir.forward_file import FORWARD_NAME
from smtpdsl.ir.matching import fold
from smtpdsl.ir.resolved import Rule
from smtpdsl.ir.semantics import Decision, Verdict
from smtpdsl.mail.address import Mailbox
from smtpdsl.record import Record


class Entry(Record):
    """What a table has for a key, and where that stands; or what the ``.forward`` of the user *key* says."""

    key: str
    value: str
    span: Span | None = None
    is_forward: bool = False

    _uncompared: ClassVar[frozenset[str]] = frozenset({"span"})

    @property
    def shown(self) -> str:
        """What messages call it."""
        return f"the {FORWARD_NAME} of {self.key}" if self.is_forward else f'the entry "{self.key}"'


class Account(Record):
    """A user of a userbase."""

    name: str
    uid: int
    gid: int
    home: str


class MemberKind(Enum):
    """What a member of an expansion is; the value is what messages call it."""

    # A member is equal to itself only; hashing its name, as Enum does, costs a call for each recipient.
    __hash__ = object.__hash__

    ADDRESS = "address"
    USER = "user"
    FILE = "file"
    COMMAND = "command"
    ERROR = "error"


# Members that are nobody.
_EXTERNAL = frozenset({MemberKind.FILE, MemberKind.COMMAND})


class Member(Record):
    """Something that mail is sent to on the way; `dest` is the nearest address above, which ``%{dest}`` means."""

    kind: MemberKind
    text: str
    dest: Mailbox
    depth: int = 0
    rule: Rule | None = None
    """What decided about `dest`; None for an address nobody has decided about yet."""
    parent: Member | None = None
    entry: Entry | None = None
    """What names this member; None for the recipient, and for the user that is the local part of an address."""
    account: Account | None = None
    """The user whose ``.forward`` was followed from here; None if none was."""

    _uncompared: ClassVar[frozenset[str]] = frozenset({"depth", "rule", "parent", "entry", "account"})

    @property
    def ancestors(self) -> Iterator[Member]:
        """The members that led to this one, the nearest first."""
        above = self.parent
        while above is not None:
            yield above
            above = above.parent

    @property
    def addresses_above(self) -> Iterator[Member]:
        """The addresses that led to this member, the recipient as given included."""
        return (each for each in self.ancestors if each.kind is MemberKind.ADDRESS)

    @property
    def named(self) -> Member | None:
        """This member or the nearest above that an entry names; None if there is only the recipient."""
        return next((each for each in (self, *self.ancestors) if each.entry is not None), None)

    @property
    def is_same_user(self) -> bool:
        """Whether an entry names its own key: ``ann: ann, joe`` delivers to ann too."""
        above = self.parent
        if above is None or not (self.kind is above.kind is MemberKind.USER):
            return False
        # Whoever has a `.forward` may have been reached with a sub-address.
        return self.text == (above.account.name if above.account else above.text)

    @property
    def is_forwarded(self) -> bool:
        """Whether a ``.forward`` has led here."""
        return any(each.account is not None for each in self.ancestors)

    @property
    def identity(self) -> tuple[object, ...]:
        """What makes a member the same as another one.

        Users are told apart by the address they were reached through, for that is what is
        delivered to, and by whose ``.forward`` names them, for one's own asks for a copy; files
        and commands also by the user, who has a copy each.
        """
        if self.kind is MemberKind.ADDRESS:
            return self.kind, self.text
        forwarder = self.parent.account.name if self.parent and self.parent.account else None
        origin = user = None
        above = self.parent
        while above is not None and origin is None:
            if above.kind is MemberKind.ADDRESS:
                origin = above.text, above.depth == 0
            above = above.parent
        if self.kind in _EXTERNAL:
            user = next((each.text for each in self.ancestors if each.kind is MemberKind.USER), None)
        return self.kind, self.text, self.is_same_user, forwarder, origin, user

    @property
    def blame(self) -> str:
        """Name the member in a reply, unless it is the recipient itself; whoever reads that may be anybody.

        What stands in a ``.forward`` is nobody's business: that it stands there is enough.
        """
        above = self.parent if self.kind is MemberKind.ERROR and self.parent else self
        forwards = [each.entry for each in (above, *above.ancestors) if each.entry and each.entry.is_forward]
        if forwards:
            return f" (member: {forwards[-1].shown})"
        named = above.named
        if named is None:
            return ""
        is_private = named.kind in _EXTERNAL
        return f" (member: {f'a {named.kind.value}' if is_private else named.text})"


# Members of one entry are visited in this order, and then by their text, wherever they stand in it.
_ORDER = (MemberKind.USER, MemberKind.FILE, MemberKind.COMMAND, MemberKind.ADDRESS, MemberKind.ERROR)


def children_of(entry: Entry, targets: Iterable[Target], dest: Mailbox) -> list[Member]:
    """Return the members that *targets*, the items of *entry*, name, in the order in which they are visited."""
    children = [_child(target, entry, dest) for target in targets]
    return sorted(children, key=lambda child: (_ORDER.index(child.kind), child.text))


def _child(target: Target, entry: Entry, dest: Mailbox) -> Member:
    match target:
        case UserTarget(name=name):
            return Member(kind=MemberKind.USER, text=fold(name), dest=dest, entry=entry)
        case FileTarget(path=path):
            return Member(kind=MemberKind.FILE, text=path, dest=dest, entry=entry)
        case CommandTarget(command=command):
            return Member(kind=MemberKind.COMMAND, text=command, dest=dest, entry=entry)
        case AddressTarget(local_part=local_part, domain=domain):
            mailbox = Mailbox(local_part=local_part, domain=domain)
            return Member(kind=MemberKind.ADDRESS, text=fold(str(mailbox)), dest=mailbox, entry=entry)
        case ErrorTarget(code=code, text=text):
            return Member(kind=MemberKind.ERROR, text=f"{code} {text}", dest=dest, entry=entry)
        case IncludeTarget():
            message = "the lines of an included file stand in its place"
            raise AssertionError(message)
    assert_never(target)


class Step(Record):
    """What became of a member, in words; *span* is the rule or entry that says so."""

    member: Member
    note: str
    span: Span | None = None

    _uncompared: ClassVar[frozenset[str]] = frozenset({"span"})


class Delivery(Record):
    """An end of the expansion: an address that is relayed, a user, a file or a command; and by which rule."""

    kind: MemberKind
    rule: Rule
    dest: Mailbox
    account: Account | None = None
    """The user: who gets the message, or whose ``.forward`` names the file or command; None if an alias does."""
    extension: str | None = None
    """The sub-address that was cut off the user's name."""
    target: str = ""
    """The file or the command."""


class Failure(Record):
    """Why the recipient is refused: the reply, and the member that is to blame."""

    verdict: Verdict
    reply: str
    member: Member
    why: str
    span: Span | None = None

    _uncompared: ClassVar[frozenset[str]] = frozenset({"span"})


class Expansion(Record):
    """Every step in order, and either the deliveries or the failure."""

    decision: Decision
    """What the rules said about the recipient as given, or about what SRS had made it of."""
    steps: tuple[Step, ...]
    deliveries: tuple[Delivery, ...] = ()
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()
    """What an administrator may want to know, whatever the end."""
