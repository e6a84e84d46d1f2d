"""Local actions: commands, paths and destinations, and the account that delivers.

Reports `missing-file`, `relative-path`, `unknown-account`, `unusable-value`,
`wrapper-without-mda`, and what `check.formats` finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from smtpdsl.compiler.check.formats import command_findings, format_findings
from smtpdsl.compiler.resolve.values import inside, wrong_text
from smtpdsl.compiler.world import World
from smtpdsl.diagnostics.codes import RELATIVE_PATH, UNKNOWN_ACCOUNT, UNUSABLE_VALUE, WRAPPER_WITHOUT_MDA
from smtpdsl.diagnostics.diagnostic import Diagnostic, Report
from smtpdsl.ir.format_string import HOME, FormatString, Specifier, parse_format
from smtpdsl.ir.lmtp_destination import parse_lmtp_destination
from smtpdsl.ir.resolved import Lmtp, LocalAction, Maildir, Mda, Ruleset, Wrapper
from smtpdsl.ir.syntax import Dialect, Word
from smtpdsl.text_error import TextError


class DeliveryChecker:
    """Checks one action after the other."""

    def __init__(self, ruleset: Ruleset, world: World, report: Report) -> None:
        """Ask *world* for programs and accounts; findings go to *report*."""
        self.is_legacy = ruleset.dialect is Dialect.LEGACY
        self.world = world
        self.report = report

    def check(self, action: LocalAction) -> None:
        """Report what is wrong with the method of *action*, and with who delivers."""
        match action.method:
            case Mda(command=word):
                self._report(command_findings(word.text, partial(inside, word), self.world, legacy=self.is_legacy))
            case Maildir(path=Word() as path):
                self._report(self._maildir(path))
            case Lmtp(destination=destination):
                self._report(self._lmtp(destination))
        if action.user is not None and isinstance(action.method, Mda | Maildir | Lmtp):
            # The others run as nobody else, and a `user` there has been reported.
            self._report(self._account(action.user))

    def check_wrapper(self, wrapper: Wrapper) -> None:
        """Report what is wrong with the command of *wrapper*."""
        command = wrapper.command
        self._report(command_findings(command.text, partial(inside, command), self.world, wrapper=True))
        text = parse_format(command.text, wrapper=True)
        if not text.uses_mda and not text.problems:
            message = f'wrapper "{wrapper.name}" never runs what it wraps: its command has no `%{{mda}}`'
            advice = f'put it at the end: "{command.text} %{{mda}}"'
            self.report(WRAPPER_WITHOUT_MDA.at(command.span, message, help=advice))

    def _report(self, findings: Iterator[Diagnostic]) -> None:
        for finding in findings:
            self.report(finding)

    def _format(self, word: Word) -> FormatString:
        return parse_format(word.text, legacy=self.is_legacy)

    def _maildir(self, path: Word) -> Iterator[Diagnostic]:
        text = self._format(path)
        yield from format_findings(text, partial(inside, path))
        first = text.parts[0] if text.parts else ""
        is_home = isinstance(first, Specifier) and first.token == HOME
        if is_home or path.text.startswith(("/", "~/")):
            return
        message = f'the maildir "{path.text}" is relative, and to which folder nothing says'
        advice = f'write "~/{path.text.removeprefix("./")}" for the home directory of the recipient'
        if path.text.startswith("~"):
            advice = 'write "~/" for the home directory of the recipient: no other form is known'
        elif not path.text:
            message, advice = "the path of this maildir is empty", "remove it: then it is `~/Maildir`"
        yield RELATIVE_PATH.at(path.span, message, help=advice)

    def _lmtp(self, destination: Word) -> Iterator[Diagnostic]:
        text = self._format(destination)
        yield from format_findings(text, partial(inside, destination))
        if text.specifiers or text.problems:
            return
        try:
            found = parse_lmtp_destination(destination.text)
        except TextError as error:
            yield wrong_text(UNUSABLE_VALUE, destination, error)
            return
        port = found.port
        if isinstance(port, str) and not self.world.is_static and self.world.service_port(port) is None:
            start = len(destination.text) - len(port)
            span = inside(destination, start, len(destination.text))
            message = f'no TCP service is named "{port}"'
            yield UNUSABLE_VALUE.at(span, message, help="write the number of the port")

    def _account(self, user: Word) -> Iterator[Diagnostic]:
        if user.text == "root":
            message = "nothing is delivered as root: every delivery fails"
            yield UNUSABLE_VALUE.at(user.span, message, help="name an account without privileges")
        elif not (self.world.is_static or self.world.is_test_bed or self.world.has_user(user.text)):
            message = f'this system has no user "{user.text}": every delivery fails'
            yield UNKNOWN_ACCOUNT.at(user.span, message, help=f"create it: `useradd --system {user.text}`")
