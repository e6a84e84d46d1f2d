"""What becomes of an envelope, in the same words whoever is asked.

accept  in: ann@here.example for ann, out: ben@away.example relayed
reject
tempfail
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

# The account that actions name with `user`.
AGENT = "vmail"


class Outcome(NamedTuple):
    """One delivery that is to be made."""

    action: str
    dest: str
    """What the action was chosen for."""
    how: str
    """``user``, ``relay``, ``command`` or ``file``."""
    who: str = ""
    """The user who gets it, or whose file or command it is."""
    target: str = ""
    """The file or the command."""

    def __str__(self) -> str:
        """Write it in one line."""
        return " ".join(filter(None, (f"{self.action}:", self.dest, self.how, self.who, self.target)))


class Answer(NamedTuple):
    """What a server says to RCPT (or to MAIL), and what it made of the recipient."""

    verdict: str
    outcomes: tuple[Outcome, ...] = ()

    def is_like(self, served: Answer) -> bool:
        """Whether this explanation fits what was *served*; it names the account that delivers, if an action does."""
        if not any(each.who == AGENT for each in self.outcomes):
            return self == served
        mine, other = (sorted(each._replace(who="") for each in one.outcomes) for one in (self, served))
        return self.verdict == served.verdict and mine == other

    def __str__(self) -> str:
        """Write it in one line."""
        return " | ".join([self.verdict, *map(str, self.outcomes)])


_VERDICTS = {2: "accept", 4: "tempfail", 5: "reject"}


def answer(code: int, outcomes: Iterable[Outcome] = ()) -> Answer:
    """Make an answer of a reply code."""
    return Answer(_VERDICTS[code // 100], tuple(sorted(outcomes)))
