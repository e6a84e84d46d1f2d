"""docs/flow.md shows the transition table of the session."""

from __future__ import annotations

import re
from pathlib import Path

from smtpdsl.runtime.protocol.picture import state_diagram
from smtpdsl.runtime.protocol.states import TRANSITIONS, State
from tests.conftest import CompareGolden

PAGE = Path(__file__).parent.parent / "docs" / "flow.md"
TEXT = PAGE.read_text(encoding="utf-8")
_PICTURE = re.compile(r"(?<=<!-- states -->\n).*?(?=<!-- end -->)", re.DOTALL)


def test_the_picture_is_the_table(golden: CompareGolden) -> None:
    """Between its comments; ``--update-golden`` draws it anew."""
    assert len(_PICTURE.findall(TEXT)) == 1
    golden(PAGE, _PICTURE.sub(lambda _: f"```mermaid\n{state_diagram()}\n```\n", TEXT))


def test_every_state_is_drawn_and_explained() -> None:
    """As a box, and in the list below the picture."""
    drawn = re.findall(r'^  ([A-Z]+)\("', state_diagram(), re.MULTILINE)

    assert drawn == [state.name for state in State]
    assert [name for name in drawn if f"**{name}**" not in TEXT] == []


def test_every_pair_of_states_has_one_arrow_at_most() -> None:
    """What leads from one to another stands at the same arrow."""
    arrows = re.findall(r"^  ([A-Z]+) -->.* ([A-Z]+)$", state_diagram(), re.MULTILINE)

    assert len(arrows) == len(set(arrows))
    assert set(arrows) == {
        (before.name, after.name) for (before, _), after in TRANSITIONS.items() if before is not after
    }
