r"""The steps of a vector: what a client does, and what a scripted server does.

    "NOOP\r\n"                            Write(b"NOOP\r\n")             and the replies are read
    {"w": "NOOP\r\n"}                     Write(b"NOOP\r\n", reads=False)
    {"n": 3, "rep": "RSET\r\n"}           Repeat(3, b"RSET\r\n")
    {"on": "RCPT", "reply": "550\r\n"}    ScriptStep("RCPT", b"550\r\n")

Every character of a text is one octet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias


class StepError(Exception):
    """A step that README.md does not describe."""


class Write(NamedTuple):
    """Write, and with *reads* wait for the replies."""

    octets: bytes
    reads: bool = True


class Repeat(NamedTuple):
    """Write the same several times."""

    times: int
    octets: bytes


class Pause(NamedTuple):
    """Do nothing."""

    seconds: float


class Listen(NamedTuple):
    """Only read."""

    seconds: float


class Slowly(NamedTuple):
    """Write octet by octet, with *gap* seconds between them."""

    octets: bytes
    gap: float


class Early(NamedTuple):
    """Write before the greeting."""

    octets: bytes


class HalfClose(NamedTuple):
    """End our side."""


class Reset(NamedTuple):
    """End the connection with a RST."""


class Handshake(NamedTuple):
    """Begin TLS; with *fails* it must not come about."""

    fails: bool = False
    server_name: str = ""
    protocols: tuple[str, ...] = ()
    max_version: str = ""


class TlsClose(NamedTuple):
    """Send close_notify."""


class StopReading(NamedTuple):
    """Read nothing from here on."""


class ConnectMany(NamedTuple):
    """Open many connections, one after the other, and keep them for *hold* seconds."""

    connections: int
    gap: float = 0.0
    hold: float = 0.0
    resets: bool = False
    sends_hello: bool = False


Step: TypeAlias = (
    Write
    | Repeat
    | Pause
    | Listen
    | Slowly
    | Early
    | HalfClose
    | Reset
    | Handshake
    | TlsClose
    | StopReading
    | ConnectMany
)


class ScriptStep(NamedTuple):
    """What a scripted server does when *on* happens: a verb, ``connect``, ``.``, ``tls`` or ``body``."""

    on: str
    reply: bytes = b""
    times: int = 1
    closes: bool = False
    delay: float = 0.0
    close_after: int | None = None
    accepts: bool = False


def parse_steps(send: object) -> tuple[Step, ...]:
    """Return the steps of `send`, for a client.

    Raises:
        StepError: One is not as described.
    """
    if isinstance(send, str):
        return (Write(_octets(send)),)
    if not isinstance(send, list):
        message = f"`send` is neither a text nor a list: {send!r}"
        raise StepError(message)
    return tuple(_step(each) for each in send)


def _step(step: object) -> Step:
    if isinstance(step, str):
        return Write(_octets(step))
    if isinstance(step, dict):
        for word, (others, make) in _STEPS.items():
            if word in step and step.keys() <= {word, *others}:
                try:
                    return make(step)
                except (KeyError, TypeError, ValueError) as error:
                    message = f"the step {_shown(step)} is unusable: {type(error).__name__} {error}"
                    raise StepError(message) from None
    message = f"there is no such step: {_shown(step)}"
    raise StepError(message)


def _handshake(step: Mapping[str, Any]) -> Handshake:
    if step["tls"] not in (True, "fail"):
        message = 'it is true or "fail"'
        raise ValueError(message)
    protocols = tuple(_text(each) for each in step.get("alpn", []))
    return Handshake(step["tls"] == "fail", _text(step.get("sni", "")), protocols, _text(step.get("max_version", "")))


def _true(step: Mapping[str, Any], word: str, made: Step) -> Step:
    if step[word] is not True:
        message = "it can only be true"
        raise ValueError(message)
    return made


def _many(step: Mapping[str, Any]) -> ConnectMany:
    return ConnectMany(
        _count(step["connect_many"]),
        _seconds(step.get("gap", 0)),
        _seconds(step.get("hold", 0)),
        bool(step.get("rst", False)),
        bool(step.get("tls_hello_only", False)),
    )


# The word that makes a step what it is, the other words that it may have, and how it is read.
_STEPS: dict[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Step]]] = {
    "w": ((), lambda step: Write(_octets(step["w"]), reads=False)),
    "rep": (("n",), lambda step: Repeat(_count(step["n"]), _octets(step["rep"]))),
    "pause": ((), lambda step: Pause(_seconds(step["pause"]))),
    "listen": ((), lambda step: Listen(_seconds(step["listen"]))),
    "byte_by_byte": (("gap",), lambda step: Slowly(_octets(step["byte_by_byte"]), _seconds(step.get("gap", 0)))),
    "early": ((), lambda step: Early(_octets(step["early"]))),
    "eof": ((), lambda step: _true(step, "eof", HalfClose())),
    "tls": (("sni", "alpn", "max_version"), _handshake),
    "tls_close": ((), lambda step: _true(step, "tls_close", TlsClose())),
    "no_read": ((), lambda step: _true(step, "no_read", StopReading())),
    "connect_many": (("gap", "hold", "rst", "tls_hello_only"), _many),
    # After `connect_many`, of which it is an option.
    "rst": ((), lambda step: _true(step, "rst", Reset())),
}
_SCRIPT_WORDS = frozenset({"on", "reply", "n", "rep", "close", "delay", "close_after", "accept"})


def parse_script(send: object) -> tuple[ScriptStep, ...]:
    """Return the steps of `send`, for a scripted server.

    Raises:
        StepError: One is not as described.
    """
    if not isinstance(send, list):
        message = f"`send` of a scripted server is no list: {send!r}"
        raise StepError(message)
    return tuple(_script_step(each) for each in send)


def _script_step(step: object) -> ScriptStep:
    if not isinstance(step, dict) or "on" not in step or not step.keys() <= _SCRIPT_WORDS:
        message = f"there is no such step of a scripted server: {_shown(step)}"
        raise StepError(message)
    try:
        after = step.get("close_after")
        return ScriptStep(
            on=_text(step["on"]),
            reply=_octets(step.get("rep", step.get("reply", ""))),
            times=_count(step.get("n", 1)),
            closes=bool(step.get("close", False)),
            delay=_seconds(step.get("delay", 0)),
            close_after=None if after is None else _count(after),
            accepts=bool(step.get("accept", False)),
        )
    except (TypeError, ValueError) as error:
        message = f"the step {_shown(step)} is unusable: {error}"
        raise StepError(message) from None


def _octets(text: object) -> bytes:
    try:
        return _text(text).encode("latin-1")
    except UnicodeEncodeError:
        message = "a character is more than one octet"
        raise ValueError(message) from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        message = f"{value!r} is no text"
        raise TypeError(message)
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        message = f"{value!r} is no number of times"
        raise ValueError(message)
    return value


def _seconds(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        message = f"{value!r} is no number of seconds"
        raise ValueError(message)
    return float(value)


def _shown(step: object) -> str:
    text = repr(step)
    return text if len(text) <= 80 else f"{text[:77]}..."
