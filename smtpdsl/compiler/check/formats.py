"""Format strings and the commands that hold them: methods, wrappers, pipes of aliases.

Reports `unusable-format`, `unexpanded-format`, `unquoted-sender` and `missing-file`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from smtpdsl.compiler.world import World
from smtpdsl.diagnostics.codes import MISSING_FILE, UNEXPANDED_FORMAT, UNQUOTED_SENDER, UNUSABLE_FORMAT
from smtpdsl.diagnostics.diagnostic import Diagnostic, Fix
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.format_string import FormatString, Specifier, parse_format

At = Callable[[int, int], Span]
"""Where some characters of a text stand."""

# Of the values only these are ever empty: a report of a failed delivery has no sender.
_SENDERS = ("sender", "sender.user", "sender.domain")
_BLANKS = " \t"
_QUOTES = "\"'"
# What ends the name of a program without a blank, and what makes it something that only a shell can tell.
_OPERATORS = ";|&<>()"
_EXPANDED = "$`*?[%{"


def format_findings(text: FormatString, at: At) -> Iterator[Diagnostic]:
    """Yield what is wrong with the specifiers of *text*."""
    for problem in text.problems:
        code = UNUSABLE_FORMAT if problem.is_fatal else UNEXPANDED_FORMAT
        yield code.at(at(problem.start, problem.end), problem.message, help=problem.help)


def command_findings(
    command: str, at: At, world: World, *, wrapper: bool = False, legacy: bool = False
) -> Iterator[Diagnostic]:
    """Yield what is wrong with a command that a shell is going to read."""
    text = parse_format(command, wrapper=wrapper, legacy=legacy)
    yield from format_findings(text, at)
    yield from missing_program(command, at, world)
    yield from _sender_findings(text, at)


def missing_program(command: str, at: At, world: World) -> Iterator[Diagnostic]:
    """Yield that the program of *command* does not exist, if its name is an absolute path."""
    path, start = _program(command)
    if world.is_static or not path.startswith("/") or world.program_exists(path):
        return
    message = f'there is no program "{path}"'
    yield MISSING_FILE.at(at(start, start + len(path)), message, help="install it, or name it where it is")


def _program(command: str) -> tuple[str, int]:
    """Return the first word of *command* and where it starts; empty if only a shell could tell what it is."""
    start = len(command) - len(command.lstrip(_BLANKS))
    quote = command[start : start + 1]
    if quote in _QUOTES and quote:
        start += 1
        name = command[start:].partition(quote)[0]
    else:
        ends = (command.find(character, start) for character in _BLANKS + _OPERATORS)
        name = command[start : min((end for end in ends if end >= 0), default=len(command))]
    return ("", start) if set(name) & set(_EXPANDED + _QUOTES + "\\") else (name, start)


def _sender_findings(text: FormatString, at: At) -> Iterator[Diagnostic]:
    """Yield the senders whose absence changes what the words around them mean."""
    # Up to 6.3 an empty value stops the delivery, except that of the whole sender, which is "@".
    tokens = _SENDERS[:1] if text.is_legacy else _SENDERS
    for specifier in text.specifiers:
        if specifier.token not in tokens or not _is_bare_word(text.text, specifier):
            continue
        before, after = text.text[: specifier.start].split()[-1:], text.text[specifier.end :].strip(_QUOTES).split()[:1]
        if after or (before and before[0].startswith("-")):
            yield _unquoted(text, specifier, at, "".join(after))


def _is_bare_word(command: str, specifier: Specifier) -> bool:
    """Whether a value is a word of its own, or the rest of a short option.

    A quote beside the specifier protects it if the same one stands on its other side;
    one that opens or ends a longer text, which a second program cuts into words, does not.
    """
    before, after = command[: specifier.start], command[specifier.end :].lstrip("\\")
    opening = before[-1:]
    if after and after[0] not in _BLANKS + _QUOTES + _OPERATORS:
        return False
    if opening and opening in _QUOTES and after.startswith(opening):
        return False
    for mark in _QUOTES + _BLANKS + "\\":
        before = before.rpartition(mark)[2]
    # `-f%{sender}` becomes `-f`, which takes the next word.
    return not before or (len(before) == len("-f") and before[0] == "-" and before[1].isalpha())


def _unquoted(text: FormatString, specifier: Specifier, at: At, following: str) -> Diagnostic:
    written = text.text[specifier.start : specifier.end]
    span = at(specifier.start, specifier.end)
    if text.is_legacy:
        message = f"a report of a failed delivery has no sender: `{written}` is `@` then, which is no address"
        advice = "see that the program takes `@`; in the language since 6.4 `%{mbox.from}` is never empty"
        return UNQUOTED_SENDER.at(span, message, help=advice)
    message = f"a report of a failed delivery has no sender: `{written}` leaves no word behind then"
    label = f'"{following}" takes its place' if following else "the option before it lacks its argument"
    advice = "write `%{mbox.from}`, which is `MAILER-DAEMON` then, or put single quotes around it"
    fix = Fix.replacing(span, "%{mbox.from}") if written == "%{sender}" and span.text == written else None
    return UNQUOTED_SENDER.at(span, message, label=label, help=advice, fix=fix)
