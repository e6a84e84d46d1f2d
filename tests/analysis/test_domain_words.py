"""Every way in which patterns meet has a domain."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.analysis.domain_words import meeting_domains
from smtpdsl.ir.matching import domain_matches
from smtpdsl.mail.address import Mailbox

_PATTERNS = st.text("ab.*", min_size=1, max_size=6).filter(lambda text: "*" in text)
_LABELS = st.text("abc", min_size=1, max_size=3)
_DOMAINS = st.lists(_LABELS, min_size=1, max_size=4).map(".".join)


def _matching(patterns: list[str], domain: str) -> tuple[bool, ...]:
    return tuple(domain_matches(each, domain) for each in patterns)


@given(patterns=st.lists(_PATTERNS, min_size=1, max_size=3), domains=st.lists(_DOMAINS, max_size=30))
def test_no_meeting_is_missed(patterns: list[str], domains: list[str]) -> None:
    """Whatever set of patterns a domain matches, one of those that are returned matches it too."""
    found = meeting_domains(patterns)

    assert found is not None
    # What matches nothing is for whoever asks to add.
    known = {_matching(patterns, each) for each in found} | {tuple(False for _ in patterns)}
    assert {_matching(patterns, each) for each in domains} <= known


@given(patterns=st.lists(_PATTERNS, min_size=1, max_size=3))
def test_what_is_returned_can_be_sent(patterns: list[str]) -> None:
    """Each one is a domain."""
    assert all(Mailbox.parse(f"a@{each}").domain == each for each in meeting_domains(patterns) or ())


def test_usual_patterns_take_no_walk() -> None:
    """A thousand are as many domains."""
    found = meeting_domains([f"*.{number}.example" for number in range(1_000)])

    assert found is not None
    assert len(found) == 1_000


def test_too_many_meetings_are_not_worked_out() -> None:
    """Nobody waits for them."""
    letters = "abcdefgh"
    assert meeting_domains([f"*{'*'.join(letters[n:] + letters[:n])}*" for n in range(8)]) is None
