"""What the server and a process that delivers say to each other, over a socket of their own.

    ──▶  three lengths │ work as JSON │ prefix │ content, unless it is in a file: then its key, if it has one
    ◀──  outcome as JSON │ LF

Questions go the same way, and have answers instead of outcomes (`questions`).  Neither side
believes what has not the right form.
"""

from __future__ import annotations

import json
import socket
import struct

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.delivery.outcomes import one_line
from smtpdsl.runtime.interfaces import (
    CommandWork,
    Content,
    Identity,
    InlineContent,
    LmtpWork,
    LocalWork,
    MailboxWork,
    MaildirWork,
    Method,
    Outcome,
    Result,
    SpooledContent,
    WrappedWork,
)
from smtpdsl.runtime.sealing.seal import Seal, is_known, key_number_of
from smtpdsl.runtime.supervisor.questions import (
    ANSWER_LENGTHS,
    MAX_ANSWER_LENGTHS,
    Answer,
    CheckPassword,
    FileState,
    Question,
    ReadFile,
    ReadForward,
    RunProgram,
)

REQUEST_LENGTHS = struct.Struct("!III")
# Work, prefix, content: command lines and header lines are far smaller, and larger content is in a file.
_MAX_LENGTHS = (256 * 1024, 64 * 1024, 1024 * 1024)
# Of a hundred recipients, with what a server says of each.
MAX_OUTCOME_OCTETS = 1024 * 1024


class WireError(Exception):
    """The other side has not said what it should."""

    def __init__(self, expected: str) -> None:
        """Tell that *expected* did not come."""
        super().__init__(f"expected {expected}, found something else")


# ---------------------------------------------------------------- work


def encode_work(work: LocalWork) -> bytes:
    """Return *work* as it is sent; the descriptor of content in a file goes another way."""
    # The key of a file that is encrypted goes in the place of its content.
    form, content = _stored(work.content)
    text = json.dumps(
        {
            "identity": work.identity,
            **_encoded(work.method),
            "time_limit": work.time_limit,
            "size": work.content.size,
            "form": form,
        }
    ).encode()
    return b"".join((REQUEST_LENGTHS.pack(len(text), len(work.prefix), len(content)), text, work.prefix, content))


def _stored(content: Content) -> tuple[int, bytes]:
    if isinstance(content, InlineContent):
        return 0, content.octets
    form, _, key = content.seal
    return form, b"" if key is None else key.reveal()


def _encoded(method: Method) -> dict[str, object]:
    """Return *method* under its name; one that wraps another one has that likewise."""
    values = [*method[:-1], _encoded(method.inner)] if isinstance(method, WrappedWork) else method
    return {type(method).__name__: values}


def receive_request(connection: socket.socket, *, is_spooled: bool) -> LocalWork | Question:
    """Read the work or the question that comes over *connection*; content that *is_spooled* loses its path.

    Raises:
        WireError: Something else comes, or too little.
        OSError: The connection broke.
    """
    lengths = request_lengths(_receive(connection, REQUEST_LENGTHS.size))
    text, prefix, content = (_receive(connection, length) for length in lengths)
    return read_request(text, prefix, content, is_spooled=is_spooled)


def request_lengths(octets: bytes) -> tuple[int, int, int]:
    """Return how much of a request follows its first *octets*.

    Raises:
        WireError: More than any request has.
    """
    text, prefix, content = REQUEST_LENGTHS.unpack(octets)
    if any(length > most for length, most in zip((text, prefix, content), _MAX_LENGTHS, strict=True)):
        expected = f"at most {_MAX_LENGTHS} octets"
        raise WireError(expected)
    return text, prefix, content


def read_request(text: bytes, prefix: bytes, content: bytes, *, is_spooled: bool = False) -> LocalWork | Question:
    """Read the work or the question that *text* says, with what came behind it.

    Raises:
        WireError: It says neither.
    """
    match _parse(text):
        case {
            "identity": identity,
            "time_limit": int(time_limit) | float(time_limit),
            "size": int(size),
            "form": int(form),
            **others,
        } if is_known(form) and (is_spooled or size == len(content)):
            return LocalWork(
                identity=_identity(identity),
                method=_method(others),
                prefix=prefix,
                content=SpooledContent("", size, _seal(form, content)) if is_spooled else InlineContent(content),
                time_limit=time_limit,
            )
        case {"ReadForward": [identity]}:
            return ReadForward(_identity(identity))
        case {"ReadFile": [int(number), known]}:
            return ReadFile(number, _state(known))
        case {"CheckPassword": [str(login)]}:
            return CheckPassword(login, Secret(content))
        case {"RunProgram": [int(number)]}:
            return RunProgram(number)
    expected = "work"
    raise WireError(expected)


def _seal(form: int, key: bytes) -> Seal:
    if (key_number_of(form) is None) != (not key):
        expected = "the key of what is encrypted"
        raise WireError(expected)
    return Seal(form, key=Secret(key) if key else None)


def _identity(value: object) -> Identity:
    match value:
        case [str(name), int(uid), int(gid), str(home), str(mail_folder)]:
            return Identity(name, uid, gid, home, mail_folder)
    expected = "an identity"
    raise WireError(expected)


def _state(value: object) -> FileState | None:
    match value:
        case None:
            return None
        case [int(device), int(inode), int(size), int(modified), int(changed)]:
            return FileState(device, inode, size, modified, changed)
    expected = "the state of a file"
    raise WireError(expected)


def _method(value: object) -> Method:
    match value:
        case {"MaildirWork": [str(folder), str(name), str(sub_folder), bool(sorts_junk), bool(may_exist)]}:
            return MaildirWork(folder, name, sub_folder, sorts_junk, may_exist)
        case {"MailboxWork": [str(path), str(separator), bool(is_system), bool(may_exist)]}:
            return MailboxWork(path, separator, is_system, may_exist)
        case {"CommandWork": [str(command), [*variables]]}:
            return CommandWork(command, tuple(map(_variable, variables)))
        case {"WrappedWork": [str(command), [*variables], inner]}:
            return WrappedWork(command, tuple(map(_variable, variables)), _inner(inner))
        case {
            "LmtpWork": [
                str(recipient),
                str(reverse_path),
                str(helo),
                str(path),
                str(host),
                int(port) | str(port),
                bool(smtputf8),
                [*others],
            ]
        }:
            return LmtpWork(recipient, reverse_path, helo, path, host, port, smtputf8, tuple(map(_text, others)))
    expected = "a method"
    raise WireError(expected)


def _inner(value: object) -> MaildirWork | LmtpWork:
    found = _method(value)
    if not isinstance(found, MaildirWork | LmtpWork):
        expected = "what can be wrapped"
        raise WireError(expected)
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        expected = "a recipient"
        raise WireError(expected)
    return value


def _variable(value: object) -> tuple[str, str]:
    match value:
        case [str(name), str(text)]:
            return name, text
    expected = "a variable"
    raise WireError(expected)


def _receive(connection: socket.socket, count: int) -> bytes:
    """Read exactly *count* octets."""
    octets = bytearray()
    while len(octets) < count:
        chunk = connection.recv(count - len(octets))
        if not chunk:
            expected = "more octets"
            raise WireError(expected)
        octets += chunk
    return bytes(octets)


# ---------------------------------------------------------------- questions


def encode_question(question: Question) -> bytes:
    """Return *question* as it is sent; a password does not become text on its way."""
    octets = b""
    values: list[object] = list(question)
    if isinstance(question, CheckPassword):
        octets, values = question.password.reveal(), [question.login]
    text = json.dumps({type(question).__name__: values}).encode()
    return b"".join((REQUEST_LENGTHS.pack(len(text), 0, len(octets)), text, octets))


def encode_answer(answer: Answer) -> bytes:
    """Return *answer* as it is sent."""
    text = json.dumps([answer.word, *answer.details]).encode()
    return b"".join((ANSWER_LENGTHS.pack(len(text), len(answer.octets)), text, answer.octets))


def answer_lengths(octets: bytes) -> tuple[int, int]:
    """Return how much of an answer follows its first *octets*.

    Raises:
        WireError: More than any answer has.
    """
    text, rest = ANSWER_LENGTHS.unpack(octets)
    if text > MAX_ANSWER_LENGTHS[0] or rest > MAX_ANSWER_LENGTHS[1]:
        expected = f"at most {MAX_ANSWER_LENGTHS} octets"
        raise WireError(expected)
    return text, rest


def decode_answer(text: bytes, octets: bytes) -> Answer:
    """Return the answer that *text* and *octets* are.

    Raises:
        WireError: They are none.
    """
    match _parse(text):
        case [str(word), *details]:
            return Answer(word, tuple(details), octets)
    expected = "an answer"
    raise WireError(expected)


# ---------------------------------------------------------------- outcomes


def encode_outcome(outcome: Outcome) -> bytes:
    """Return *outcome* as it is sent."""
    return json.dumps([*_facts(outcome), *map(_facts, outcome.others)]).encode() + b"\n"


def _facts(outcome: Outcome) -> list[str]:
    return [outcome.result.value, outcome.text, outcome.status]


def decode_outcome(line: bytes) -> Outcome:
    """Return the outcome that *line* says; its text is one line of printable characters, whatever was sent.

    Raises:
        WireError: It says none.
    """
    match _parse(line):
        case [result, text, status, *others]:
            return _outcome([result, text, status])._replace(others=tuple(map(_outcome, others)))
    expected = "an outcome"
    raise WireError(expected)


def _outcome(value: object) -> Outcome:
    match value:
        case ["Ok" | "TempFail" | "PermFail" as result, str(text), str(status)]:
            return Outcome(Result(result), one_line(text), one_line(status))
    expected = "an outcome"
    raise WireError(expected)


def _parse(text: bytes) -> object:
    try:
        # Octets are never guessed to be UTF-16: its codec may lie where only root gets to.
        value: object = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        expected = "JSON"
        raise WireError(expected) from None
    return value
