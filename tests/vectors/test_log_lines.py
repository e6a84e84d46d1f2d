"""What is read from the log."""

from __future__ import annotations

from tests.vectors.log_lines import Attempt, attempts, broken_lines, envelopes, lines_by_source

LOG = [
    b"info: ready",
    b"aaaaaaaaaaaaaaaa smtp connected address=127.1.0.1 host=<unknown>",
    b"bbbbbbbbbbbbbbbb smtp connected address=127.1.0.2 host=<unknown>",
    b"cccccccccccccccc smtp event=proxy address=127.1.0.3",
    b"aaaaaaaaaaaaaaaa smtp message msgid=5f1e02aa size=1 nrcpt=1 proto=ESMTP",
    b"aaaaaaaaaaaaaaaa smtp envelope evpid=5f1e02aa9c31d407 from=<a@b> to=<joe@c>",
    b"5f1e02aa9c31d407 mda delivery evpid=5f1e02aa9c31d407 from=<a@b> to=<joe@c> delay=0s result=Ok stat=x",
    b'5f1e02aa9c31d408 mta delivery evpid=5f1e02aa9c31d408 from=<a@b> relay="x" result="TempFail" stat="y"',
]


def test_lines_of_a_source() -> None:
    """All of its sessions, and nothing else."""
    found = lines_by_source(LOG)

    assert found == {"127.1.0.1": [LOG[1], LOG[4], LOG[5]], "127.1.0.2": [LOG[2]]}


def test_deliveries() -> None:
    """Which message, by which route, and what became of it."""
    assert list(attempts(LOG)) == [Attempt("5f1e02aa", "mda", "Ok"), Attempt("5f1e02aa", "mta", "TempFail")]
    assert list(envelopes(LOG)) == ["5f1e02aa"]


def test_a_log_that_is_right() -> None:
    """Each line is an event or a sentence."""
    assert not broken_lines(LOG)
    assert len(broken_lines([b"", b"aaaaaaaaaaaaaaaa what", b"info: \x00"])) == 3
