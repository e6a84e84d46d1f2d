"""`filter` and `proc`: what a phase knows and allows, replies, programs and their accounts.

| phase          | what a condition may ask                         | what it may not do           |
|----------------|--------------------------------------------------|------------------------------|
| connect        | fcrdns, rdns, src                                | rewrite: nothing is there yet |
| helo, ehlo     | and helo                                         |                              |
| auth           | and auth                                         |                              |
| mail-from      | and mail-from                                    |                              |
| rcpt-to        | and rcpt-to                                      |                              |
| data, commit   | as mail-from: there may be several recipients    | rewrite; in commit junk, bypass |

Reports `misplaced-option`, `useless-option`, `unusable-reply`, `unusable-value`,
`relative-path`, `missing-file` and `unknown-account`.
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.compiler.resolve.values import inside, read_word, wrong_text
from smtpdsl.compiler.world import Unavailable, World
from smtpdsl.diagnostics.codes import (
    MISPLACED_OPTION,
    MISSING_FILE,
    RELATIVE_PATH,
    UNKNOWN_ACCOUNT,
    UNUSABLE_REPLY,
    UNUSABLE_VALUE,
    USELESS_OPTION,
)
from smtpdsl.diagnostics.diagnostic import Fix, Related, Report
from smtpdsl.ir.resolved import BuiltinFilter, Decision, FilterCondition, InTable, Phase, Proc, ProgramFilter, Ruleset
from smtpdsl.ir.syntax import Dialect, Word, quote
from smtpdsl.ir.system_paths import HELPER_FOLDERS
from smtpdsl.mail.reply import parse_reply_text
from smtpdsl.text_error import TextError

_CLIENT = ("fcrdns", "rdns", "src")
_GREETED = (*_CLIENT, "helo")
_SENDER = (*_GREETED, "auth", "mail-from")
_KNOWN: dict[Phase, tuple[str, ...]] = {
    Phase.CONNECT: _CLIENT,
    Phase.HELO: _GREETED,
    Phase.EHLO: _GREETED,
    Phase.AUTH: (*_GREETED, "auth"),
    Phase.MAIL_FROM: _SENDER,
    Phase.RCPT_TO: (*_SENDER, "rcpt-to"),
    Phase.DATA: _SENDER,
    Phase.COMMIT: _SENDER,
}
# In these phases a rewritten parameter can only be an error: DATA has none, and commit is no command.
_NOTHING_TO_REWRITE = (Phase.DATA, Phase.COMMIT)
_ANY_DOMAIN = "localhost"
# Characters with which only a shell can tell where the program's name ends.
_SHELL_SYNTAX = frozenset("\"'\\$`&|;<>(){}=~*?[")


def check_filters(ruleset: Ruleset, world: World, report: Report) -> None:
    """Report filters that cannot be asked or obeyed in their phase, and programs that cannot start."""
    for each in ruleset.filters.values():
        if isinstance(each, BuiltinFilter):
            for condition in each.conditions:
                _check_condition(condition, each, report)
            for condition in each.conditions[:-1]:
                _check_and(condition, report)
            _check_decision(each, report)
    for proc in _programs(ruleset):
        _check_program(proc, ruleset.dialect, world, report)


# ---------------------------------------------------------------- built-in filters


def _check_condition(condition: FilterCondition, each: BuiltinFilter, report: Report) -> None:
    subject = condition.subject
    if subject in _KNOWN[each.phase]:
        return
    phases = [phase.value for phase, known in _KNOWN.items() if subject in known]
    message = f"`{subject}` is not known in phase `{each.phase.value}`"
    if each.phase in _NOTHING_TO_REWRITE:
        message = f"`{subject}` has no single answer in phase `{each.phase.value}`"
    where = f"phase `{phases[0]}`" if len(phases) == 1 else f"the phases {', '.join(f'`{phase}`' for phase in phases)}"
    related = (Related(each.phase_span, "the phase"),)
    report(MISPLACED_OPTION.at(condition.span, message, related=related, help=f"it can be asked in {where}"))


def _check_and(condition: FilterCondition, report: Report) -> None:
    """`rdns and fcrdns`: the word in between is the list of names of the first condition."""
    table = condition.question.table if isinstance(condition.question, InTable) else None
    if table is not None and table.is_single and [entry.span.text for entry in table.entries] == ["and"]:
        message = f"`{condition.subject} and` asks whether the value is the word `and`"
        help_text = "remove `and`: all conditions of a filter must hold"
        report(UNUSABLE_VALUE.at(table.entries[0].span, message, help=help_text))


def _check_decision(each: BuiltinFilter, report: Report) -> None:
    decision, phase = each.decision, each.phase
    related = (Related(each.phase_span, "the phase"),)
    match decision.kind:
        case "junk" | "bypass" if phase is Phase.COMMIT:
            message = f"`{decision.kind}` comes too late in phase `commit`"
            help_text = "use an earlier phase: `data` is the last one"
            report(MISPLACED_OPTION.at(decision.span, message, related=related, help=help_text))
        case "rewrite" if phase in _NOTHING_TO_REWRITE:
            message = f"`rewrite` has nothing to rewrite in phase `{phase.value}`, and refuses every message"
            report(MISPLACED_OPTION.at(decision.span, message, related=related, help="use the phase of the command"))
        case "rewrite" if phase is Phase.CONNECT:
            message = "`rewrite` has no effect in phase `connect`: there is no command yet"
            report(USELESS_OPTION.at(decision.span, message, related=related, help="use the phase of the command"))
        case "rewrite" if phase in {Phase.MAIL_FROM, Phase.RCPT_TO}:
            _check_address(decision, phase, report)
        case "rewrite" if phase in {Phase.HELO, Phase.EHLO} and decision.argument:
            _check_domain(decision.argument, report)
        case "reject" | "disconnect":
            _check_reply(decision, report)


def _check_reply(decision: Decision, report: Report) -> None:
    """A message that is no reply still refuses: with 421, and the session is closed."""
    assert decision.argument is not None, "the grammar demands a message"
    try:
        parse_reply_text(decision.argument.text)
    except TextError as error:
        note = f"the client gets 421 instead, and `{decision.kind}` ends the session"
        report(wrong_text(UNUSABLE_REPLY, decision.argument, error).replace(notes=(note,)))


def _check_domain(word: Word, report: Report) -> None:
    from smtpdsl.mail.address_syntax import parse_domain  # noqa: PLC0415 - few filters rewrite, and `check` is quick

    read_word(word, parse_domain, report)


def _check_address(decision: Decision, phase: Phase, report: Report) -> None:
    """What is written over an address replaces the command's parameter, brackets and all."""
    from smtpdsl.mail.address import ForwardPath, ReversePath  # noqa: PLC0415 - as above

    path = ReversePath if phase is Phase.MAIL_FROM else ForwardPath
    word = decision.argument
    assert word is not None, "the grammar demands a value"
    if word.text.startswith("<") and ">" in word.text:
        # Parameters may follow, and which of them are known depends on the session.
        end = word.text.rindex(">") + 1
        # Names are completed, and SMTPUTF8 is the affair of the client.
        read_word(word, lambda text: path.parse(text[:end], default_domain=_ANY_DOMAIN, utf8=True), report)
        return
    message = f"`rewrite` replaces the whole parameter, so an address needs its `<` and `>`: {quote(word.text)}"
    replacement = quote(f"<{word.text.strip('<>')}>")
    fix = Fix.replacing(word.span, replacement)
    report(UNUSABLE_VALUE.at(word.span, message, help=f"write {replacement}", fix=fix))


# ---------------------------------------------------------------- programs


def _programs(ruleset: Ruleset) -> Iterator[Proc]:
    """Yield every program once: those of `proc`, then those that `proc-exec` declares."""
    yield from ruleset.procs.values()
    for each in ruleset.filters.values():
        if isinstance(each, ProgramFilter) and each.proc and each.proc is not ruleset.procs.get(each.proc.name):
            yield each.proc


def _check_program(proc: Proc, dialect: Dialect, world: World, report: Report) -> None:
    if proc.chroot is not None:
        _check_chroot(proc.chroot, world, report)
    # Programs of the filters before 6.4 speak another protocol; that has been said.
    elif not world.is_static and dialect is not Dialect.LEGACY:
        _check_command(proc.command, world, report)
    if world.is_static or world.is_test_bed:
        return
    if proc.user and not world.has_user(proc.user.text):
        _unknown_account("user", proc.user, report)
    if proc.group and not world.has_group(proc.group.text):
        _unknown_account("group", proc.group, report)


def _check_chroot(folder: Word, world: World, report: Report) -> None:
    """A program in a root of its own is found there, so only the folder is looked for."""
    if not folder.text.startswith("/"):
        message = f'`chroot` to "{folder.text}", which depends on where the server is started'
        report(RELATIVE_PATH.at(folder.span, message, help="write it from `/` on"))
    elif not (world.is_static or world.is_test_bed) and isinstance(facts := world.facts(folder.text), Unavailable):
        message = f'cannot `chroot` to "{folder.text}": {facts.reason}'
        report(MISSING_FILE.at(folder.span, message, help="create the folder before the server starts"))


def _unknown_account(kind: str, name: Word, report: Report) -> None:
    add = "useradd" if kind == "user" else "groupadd"
    help_text = f"create it: `{add} --system {name.text}`"
    report(UNKNOWN_ACCOUNT.at(name.span, f'this system has no {kind} "{name.text}"', help=help_text))


def _check_command(command: Word, world: World, report: Report) -> None:
    """The program is the first word: a path, or a name in the folder of helpers."""
    program = command.text.split(maxsplit=1)[0] if command.text.strip() else ""
    if not program or _SHELL_SYNTAX & set(program):
        return
    places = [program] if program.startswith("/") else [f"{folder}/{program}" for folder in HELPER_FOLDERS]
    if any(map(world.program_exists, places)):
        return
    message = f'there is no program "{program}"'
    help_text = "install it, or name it where it is"
    if not program.startswith("/"):
        message = f'there is no program "{program}" in {HELPER_FOLDERS[0]} or another folder of helpers'
        help_text = "install the filter, or write the absolute path of a program that lies elsewhere"
    at = command.text.index(program)
    report(MISSING_FILE.at(inside(command, at, at + len(program)), message, help=help_text))
