"""Which addresses a login may send as."""

from __future__ import annotations

import pytest

from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.mail.address import ReversePath
from smtpdsl.runtime.senders import may_send_as
from tests.runtime.credentials.samples import table_of

TABLE = table_of(
    {
        "ann": "ann@example.org, @lists.example.org,@*.example.net",
        "ann@example.org": "ann@example.org",
        "bot": "@",
        "star": "@*",
        "cat": "cat",
        "dan": "dan+only@example.org",
        "open": "'ann@example.org",
        "list": None,
    }
)


@pytest.mark.parametrize(
    ("login", "reverse_path", "answer"),
    [
        ("ann", "<ann@example.org>", Answer.YES),
        ("ann", "<Ann+tag@EXAMPLE.org>", Answer.YES),
        ("ANN", "<anybody@lists.example.org>", Answer.YES),
        ("ann", "<x@mx.example.net>", Answer.YES),
        ("ann", "<x@a.mx.example.net>", Answer.NO),
        ("ann", "<ben@example.org>", Answer.NO),
        ("ann", "<>", Answer.NO),
        ("Ann@Example.Org", "<ann@example.org>", Answer.YES),
        ("bot", "<anybody@anywhere.example>", Answer.YES),
        ("bot", "<>", Answer.YES),
        ("star", "<anybody@anywhere.example>", Answer.YES),
        ("star", "<>", Answer.NO),
        ("cat", "<cat@anywhere.example>", Answer.YES),
        ("cat", "<dog@anywhere.example>", Answer.NO),
        ("dan", "<dan+only@example.org>", Answer.YES),
        ("dan", "<dan@example.org>", Answer.NO),
        ("eve", "<eve@example.org>", Answer.NO),
        ("", "<ann@example.org>", Answer.NO),
        ("open", "<ann@example.org>", Answer.UNAVAILABLE),
        ("list", "<ann@example.org>", Answer.UNAVAILABLE),
    ],
)
def test_the_patterns_of_a_login_decide(login: str, reverse_path: str, answer: Answer) -> None:
    """As `mail-from` compares; an entry that cannot be read is no answer."""
    assert may_send_as(TableIndex(), TABLE, login, ReversePath.parse(reverse_path), "+") is answer


def test_a_table_that_is_not_at_hand_is_no_answer() -> None:
    """A temporary failure, and no refusal."""
    away = TABLE.replace(is_known=False)

    assert may_send_as(TableIndex(), away, "ann", ReversePath.parse("<ann@example.org>"), "+") is Answer.UNAVAILABLE
