"""The transition table as a picture, for docs/flow.md (https://mermaid.js.org/).

READY("READY<br>NOOP, RSET")        what a state hears without being left
READY -->|"MAIL"| MAIL              what leads on
RCPT -.->|"BDAT, refused"| READY    what does so although it is refused
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from smtpdsl.runtime.protocol.events import AuthResponse, Connected, EndOfContent
from smtpdsl.runtime.protocol.states import REFUSALS, TRANSITIONS, Happening, State, Step

_NAMES: Mapping[Happening, str] = {
    Connected: "greeting 220",
    AuthResponse: "response",
    EndOfContent: "end of mail data",
    Step.SECURED: "TLS is up",
    Step.AUTHENTICATED: "AUTH answered 235",
    Step.CHUNK_ENDED: "end of a chunk",
    Step.CHUNK_LOST: "BDAT without a length",
}


def state_diagram() -> str:
    """Return the picture, without a line end at its end; the same table makes the same picture."""
    lines = ["flowchart TD"]
    lines += [f'  {state.name}("{_label(state)}")' for state in State]
    lines += [f'  {before.name} -->|"{names}"| {after.name}' for before, after, names in _arrows(TRANSITIONS)]
    changed = {pair: after for pair, after in REFUSALS.items() if TRANSITIONS[pair] is not after}
    lines += [f'  {before.name} -.->|"{names}, refused"| {after.name}' for before, after, names in _arrows(changed)]
    return "\n".join(lines)


def _label(state: State) -> str:
    """Return the name of *state*, and below it what does not leave it."""
    stays = [_name(happening) for (before, happening), after in TRANSITIONS.items() if before is after is state]
    return "<br>".join([state.name, ", ".join(stays)]) if stays else state.name


def _arrows(table: Mapping[tuple[State, Happening], State]) -> Iterator[tuple[State, State, str]]:
    """Yield where an arrow begins and ends, and what stands at it, in the order of the table."""
    found: dict[tuple[State, State], list[str]] = {}
    for (before, happening), after in table.items():
        if before is not after:
            found.setdefault((before, after), []).append(_name(happening))
    for (before, after), names in found.items():
        yield before, after, ", ".join(names)


def _name(happening: Happening) -> str:
    """Return what *happening* is called in a session."""
    known = _NAMES.get(happening)
    if known is not None:
        return known
    assert isinstance(happening, type), "every step has its name above"
    return happening.__name__.upper()
