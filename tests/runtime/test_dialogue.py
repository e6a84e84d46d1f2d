"""How dialogues are read."""

from __future__ import annotations

import pytest

from tests.runtime.dialogue import DialogueError, parse_dialogue, take_replies


def test_lines_of_the_client_become_one_write() -> None:
    """CRLF is added to lines and not to octets, escapes are octets, and remarks are dropped."""
    dialogue = parse_dialogue(
        "# A title\nS: 220 *\n\nC: A B  # why\nC> x\\x00\\n\\\\\nS: 250 *\nS: 500 *  # twice\nC: ü#\n"
    )

    assert [exchange.octets for exchange in dialogue.exchanges] == [
        b"",
        b"A B\r\nx\0\n\\",
        "ü#\r\n".encode(),
    ]
    assert [len(exchange.replies) for exchange in dialogue.exchanges] == [1, 2, 0]
    assert not dialogue.closes


def test_a_dialogue_may_close() -> None:
    """The mark is no reply."""
    dialogue = parse_dialogue("S: 220 *\nC: QUIT\nS: 221 *\nS: (closes)\n")

    assert dialogue.closes
    assert [len(exchange.replies) for exchange in dialogue.exchanges] == [1, 1]


def test_a_client_may_bring_tls_up() -> None:
    """Before what it says next."""
    dialogue = parse_dialogue("S: 220 *\nC: STARTTLS\nS: 220 *\nC: (TLS)\nC: NOOP\nS: 250 *\n")

    assert [(exchange.octets, exchange.secures) for exchange in dialogue.exchanges] == [
        (b"", False),
        (b"STARTTLS\r\n", False),
        (b"NOOP\r\n", True),
    ]


@pytest.mark.parametrize(
    ("written", "answered", "matches"),
    [
        ("S: 250 *", ["250-a", "250 b"], True),
        ("S: 250 *b", ["250 a.b"], True),
        ("S: 250 a.b", ["250 a-b"], False),
        ("S: 250 *", ["550 b"], False),
        ("S: 250-a\nS: 250 b", ["250-a", "250 b"], True),
        ("S: 250-a\nS: 250 b", ["250-a", "250-x", "250 b"], False),
        ("S: 250-a\nS: 250 b", ["250 b"], False),
    ],
)
def test_a_reply_matches_by_its_last_line_or_by_all(written: str, answered: list[str], *, matches: bool) -> None:
    """One pattern stands for the last line, several for every line."""
    [exchange] = parse_dialogue(written).exchanges
    [expected] = exchange.replies

    assert (expected.mismatch(answered) is None) is matches


@pytest.mark.parametrize("text", ["X: y", "S: 250-a\nC: b", "220 hello"])
def test_what_is_no_dialogue_is_refused(text: str) -> None:
    """A line nobody says, and a reply without an end."""
    with pytest.raises(DialogueError, match="dialogue:1"):
        parse_dialogue(text)


def test_octets_of_a_server_are_taken_apart_into_replies() -> None:
    """A hyphen behind the code continues a reply."""
    assert take_replies(b"250-a\r\n250 b\r\n500 c\r\n") == [["250-a", "250 b"], ["500 c"]]
    assert take_replies(b"") == []
