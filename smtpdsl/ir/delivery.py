"""What a delivery does, to the letter: the path, the command line, the next hop.

`explain` prints it and the delivery agents carry it out, so that they cannot disagree.
Relaying is worked out by `ir.next_hop`.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, assert_never

from smtpdsl.ir.answers import Site
from smtpdsl.ir.format_expansion import FormatError, FormatValues, expand_command, expand_format
from smtpdsl.ir.format_string import HOME, PLACE, FormatString, parse_format
from smtpdsl.ir.members import Account, Delivery, MemberKind
from smtpdsl.ir.resolved import ExpandOnly, ForwardOnly, Lmtp, LocalAction, Maildir, Mbox, Mda, RelayAction
from smtpdsl.ir.system_paths import MAIL_FOLDER
from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.envelope import Envelope
from smtpdsl.record import Record

_ROOT = 0


class PlanKind(Enum):
    """How a message leaves us; the value is the word of `explain`."""

    MBOX = "mbox"
    MAILDIR = "maildir"
    MDA = "mda"
    LMTP = "lmtp"
    FILE = "file"
    COMMAND = "command"
    RELAY = "relay"


class Detail(NamedTuple):
    """One more thing to know about a delivery."""

    name: str
    text: str


class Plan(Record):
    """A delivery worked out; *what* is a path, a command line or a next hop, as `kind` says.

    A delivery that is going to fail has a *problem*, in words; if *what* could not be
    worked out either, it is None.
    """

    kind: PlanKind
    delivery: Delivery
    what: str | None = None
    user: str | None = None
    """The account that delivers; None for the unprivileged one of the server."""
    details: tuple[Detail, ...] = ()
    problem: str = ""
    sub_folder: str = ""
    """The name, without its dot, of the folder in a maildir that takes mail of this sub-address, if it exists."""
    wrapper: str = ""
    """The command line around a delivery that is none itself, with a `PLACE` for it."""


def plan(delivery: Delivery, envelope: Envelope, site: Site, agent: Account | None) -> Plan:
    """Work *delivery* of *envelope* out; *agent* is the account of the action's `user`, if it exists."""
    action = delivery.rule.action
    assert action is not None, "what is rejected is not delivered"
    if isinstance(action, RelayAction):
        # Local deliveries are most of them.
        from smtpdsl.ir.next_hop import next_hop  # noqa: PLC0415

        hop = next_hop(action, delivery.dest, envelope, site)
        details = tuple(Detail(*each) for each in hop.details)
        return Plan(kind=PlanKind.RELAY, delivery=delivery, what=hop.name, details=details, problem=hop.problem)
    return _Local(delivery, action, envelope, site, agent).plan()


class _Local:
    """One local delivery."""

    def __init__(
        self, delivery: Delivery, action: LocalAction, envelope: Envelope, site: Site, agent: Account | None
    ) -> None:
        self.delivery = delivery
        self.action = action
        self.is_legacy = site.is_legacy
        self.kind = _kind(delivery, action)
        # Who runs it: what `user` names, else the recipient, else an account of the server.
        self.agent = agent if action.user else delivery.account
        named = delivery.account or self.agent
        self.values = FormatValues(
            sender=_pair(envelope.reverse_path.mailbox),
            rcpt=_pair(envelope.recipient),
            dest=_pair(delivery.dest),
            username=named.name if named else "",
            directory=named.home if named else "",
            delimiter=site.delimiter,
        )

    def plan(self) -> Plan:
        user = self.action.user.text if self.action.user else self.agent.name if self.agent else None
        plan = Plan(kind=self.kind, delivery=self.delivery, user=user, problem=self.problem())
        try:
            what, details = self.what()
            wrapper = self.wrapped(PLACE) if self.kind in {PlanKind.MAILDIR, PlanKind.LMTP} else PLACE
        except FormatError as error:
            return plan.replace(problem=plan.problem or error.message)
        sub_folder = self.sub_folder() if self.kind is PlanKind.MAILDIR else ""
        if sub_folder:
            details.append(Detail("sub-address", f"{what}/.{sub_folder}, if that folder exists"))
        wrapper = "" if wrapper == PLACE else wrapper
        return plan.replace(what=what, details=tuple(details), sub_folder=sub_folder, wrapper=wrapper)

    def problem(self) -> str:
        """Why the delivery fails, whatever it is made of."""
        if self.action.user is not None and self.agent is None:
            return f'there is no account "{self.action.user.text}" to deliver as'
        if self.agent is not None and self.agent.uid == _ROOT and self.kind is not PlanKind.MBOX:
            return f'the account "{self.agent.name}" has user number 0, and nothing is delivered as that'
        return ""

    def what(self) -> tuple[str, list[Detail]]:
        if self.kind is PlanKind.FILE:
            return self.path(self.delivery.target), []
        wrapper = self.action.wrapper
        wrapped = [Detail("wrapper", f'"{wrapper.name}"')] if wrapper else []
        if self.kind is PlanKind.COMMAND:
            return self.wrapped(self.command(self.format(self.delivery.target))), wrapped
        match self.action.method:
            case Mbox():
                return self.path(f"{MAIL_FOLDER}/%{{user.username:raw}}"), wrapped
            case Maildir():
                folder = self.maildir(self.action.method)
                spam = [Detail("spam", f"{folder}/.Junk")] if self.action.method.junk else []
                return folder, [*spam, *wrapped]
            case Lmtp(destination=destination, rcpt_to=rcpt_to):
                is_socket = destination.text.startswith("/")
                place = expand_format(self.format(destination.text), self.values, path=is_socket)
                return place, [Detail("recipient", self.lmtp_recipient(rcpt_to=rcpt_to)), *wrapped]
            case Mda(command=command):
                # In a modern command `~` is the shell's.
                text = self.command(parse_format(command.text, legacy=self.is_legacy, tilde=self.is_legacy))
                return self.wrapped(text), wrapped
            case ForwardOnly() | ExpandOnly():
                message = "an action that only expands has no delivery of its own"
                raise AssertionError(message)
        assert_never(self.action.method)

    def lmtp_recipient(self, *, rcpt_to: bool) -> str:
        return f"<{self.delivery.dest}>" if rcpt_to else f"<{self.values.username}>"

    def maildir(self, method: Maildir) -> str:
        # Without a path it is the home of who delivers; the author's `~/` is that of the recipient.
        home = self.agent.home if self.agent and method.path is None else self.values.directory
        return self.path(method.path.text if method.path else "~/Maildir", home)

    def sub_folder(self) -> str:
        """The name of the folder of the sub-address; empty without one, or if it would lead out of the maildir."""
        if not self.delivery.extension:
            return ""
        values = self.values.replace(rcpt=(self.delivery.extension, ""))
        try:
            return expand_format(parse_format(".%{rcpt}"), values, path=True).removeprefix(".")
        except FormatError:
            return ""

    # ------------------------------------------------------------ format strings

    def format(self, text: str) -> FormatString:
        return parse_format(text, legacy=self.is_legacy)

    def path(self, text: str, home: str | None = None) -> str:
        values = self.values if home is None else self.values.replace(directory=home)
        return expand_format(_at_home(self.format(text), values), values, path=True)

    def command(self, text: FormatString) -> str:
        return expand_command(_at_home(text, self.values), self.values)

    def wrapped(self, command: str) -> str:
        """Put *command* into the action's wrapper, whoever has named it."""
        if self.action.wrapper is None:
            return command
        form = parse_format(self.action.wrapper.command.text, wrapper=True)
        return expand_command(form, self.values.replace(mda=command))


def _at_home(text: FormatString, values: FormatValues) -> FormatString:
    """Return *text*, or refuse it if it asks for the home directory of somebody who has none."""
    home = next((each for each in text.specifiers if each.token == HOME), None)
    if home is not None and not values.directory:
        who = values.username or "the account of the server, which delivers this,"
        message = f"{who} has no home directory"
        raise FormatError(message, home.start, home.end)
    return text


def _kind(delivery: Delivery, action: LocalAction) -> PlanKind:
    match delivery.kind:
        case MemberKind.FILE:
            return PlanKind.FILE
        case MemberKind.COMMAND:
            return PlanKind.COMMAND
    kinds: dict[type, PlanKind] = {
        Mbox: PlanKind.MBOX,
        Maildir: PlanKind.MAILDIR,
        Lmtp: PlanKind.LMTP,
        Mda: PlanKind.MDA,
    }
    return kinds[type(action.method)]


def _pair(mailbox: Mailbox | None) -> tuple[str, str] | None:
    return (mailbox.local_part, mailbox.domain) if mailbox else None
