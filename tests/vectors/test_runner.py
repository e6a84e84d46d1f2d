"""`make vectors`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.vectors.runner import main

GOOD: dict[str, Any] = {"id": "good-1", "listener": "mx", "pre": "ehlo", "send": "NOOP\r\n", "codes": ["250"]}


def write(path: Path, *vectors: dict[str, Any]) -> str:
    """Write *vectors* into a file, and return its name."""
    path.write_text("".join(json.dumps(vector) + "\n" for vector in vectors), encoding="utf-8")
    return str(path)


def test_a_failure_is_one_line_with_what_was_expected_and_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the last line counts; what nobody offers is not judged."""
    file = write(
        tmp_path / "vectors",
        GOOD,
        {**GOOD, "id": "bad-1", "codes": ["555"]},
        {**GOOD, "id": "bad-2", "send": "QUIT\r\n", "codes": ["221"], "conn": "open"},
        {**GOOD, "id": "needs-1", "needs": "XNEVER"},
    )

    status = main([file, "--mode", "whole", "--seed", "7"])

    first, *failures, last = capsys.readouterr().out.splitlines()
    assert status == 1
    assert first == "seed 7"
    assert failures == [
        "bad-1 whole: expected the codes 555, seen 250, the last is '2.0.0 Ok'",
        "bad-2 whole: expected the connection open, seen closed",
    ]
    assert last.startswith("1 of 4 as stated, 1 need a part that is not built yet: XNEVER 1")


def test_what_cannot_be_judged_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In every way of sending that differs; the exit status is 0."""
    message = "Subject: x\r\n\r\nhello\r\n.\r\n"
    file = write(
        tmp_path / "vectors",
        {**GOOD, "id": "mail-1", "pre": "data", "send": message, "accepted": 1},
        {**GOOD, "id": "needs-1", "needs": "XNEVER"},
    )

    status = main([file])

    assert capsys.readouterr().out.splitlines()[1:] == [
        "1 of 2 as stated, 1 need a part that is not built yet: XNEVER 1"
    ]
    assert status == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 1: no JSON in UTF-8"),
        ("[]", "line 1: expected an object, found list"),
        ('{"listener": "mx", "send": ""}', "`id` is missing"),
        ('{"id": "a", "listener": "mx"}', "`send` is missing"),
        ('{"id": "a", "listener": "mz", "send": ""}', '`listener` is "mz"'),
        ('{"id": "a", "listener": "mx", "pre": "sent", "send": ""}', '`pre` is "sent"'),
        ('{"id": "a", "listener": "mx", "send": "", "codes": ["("]}', "no regular expression"),
        ('{"id": "a", "listener": "mx", "send": "", "accepted": -1}', "`accepted` is no number"),
        ('{"id": "a", "listener": "mx", "send": "\u2028"}', "more than one octet"),
        ('{"id": "a", "listener": "mx", "send": [{"jump": 1}]}', "there is no such step: {'jump': 1}"),
        ('{"id": "a", "listener": "mx", "send": [{"pause": "x"}]}', "is unusable"),
        ('{"id": "a", "listener": "mx", "send": [{"rep": "x"}]}', "is unusable: KeyError 'n'"),
        ('{"id": "a", "listener": "mx", "role": "dns", "pre": "x", "state": "temp", "send": ""}', '`pre` is "x"'),
        ('{"id": "a", "listener": "mta-out", "send": ""}', "`role` says whom it meets"),
        ("", "there is no vector in it"),
    ],
)
def test_a_malformed_file_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, reason: str
) -> None:
    """The exit status is 2, and nothing was played."""
    file = tmp_path / "vectors"
    file.write_text(line, encoding="utf-8")

    status = main([str(file)])

    said = capsys.readouterr()
    assert status == 2
    assert reason in said.err
    assert not said.out


def test_two_vectors_with_one_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody could tell them apart."""
    assert main([write(tmp_path / "vectors", GOOD, GOOD)]) == 2
    assert 'line 2: the id "good-1" is that of line 1, too' in capsys.readouterr().err


def test_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there, a vector that is not in it, and an option that does not exist."""
    assert main([str(tmp_path / "missing")]) == 2
    assert main([write(tmp_path / "vectors", GOOD), "--only", "other"]) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["--never"])
    said = capsys.readouterr().err
    assert "No such file" in said
    assert "there is no vector called other" in said
