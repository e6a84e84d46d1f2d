"""`smtpdsl dkim-key`: a key, its record, and its line."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smtpdsl.cli.main import main
from smtpdsl.mail.dkim_key import new_key, read_key
from tests.checking import check_text

NAME = "s2026._domainkey.example.org"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def dkim_key(*arguments: str) -> Result:
    """Run `smtpdsl dkim-key` in this process."""
    return CliRunner().invoke(main, ["dkim-key", *arguments], catch_exceptions=False)


def files() -> list[str]:
    """Return what is in the folder."""
    return sorted(each.name for each in Path().iterdir())


def text_of(printed: str) -> str:
    """Join the strings of a record."""
    strings = re.findall(r'^    "(.*)"', printed, re.MULTILINE)
    assert max(map(len, strings)) <= 255
    return "".join(strings)


def test_the_line_names_the_file_whatever_it_is_called(tmp_path: Path) -> None:
    """As the language quotes it."""
    line = dkim_key("--ed25519", NAME, 'a "b".key').stdout.splitlines()[-1]

    assert line == f'dkim-sign "{NAME}" key "{tmp_path}/a \\"b\\".key"'


@pytest.mark.parametrize(("options", "kind"), [([], "RSA, 2048 bits"), (["--ed25519"], "Ed25519")])
def test_a_key_is_made(options: list[str], kind: str, tmp_path: Path) -> None:
    """For its owner alone, whatever the mask; what is printed is what the file has, and what `check` takes."""
    mask = os.umask(0)
    try:
        found = dkim_key(*options, NAME, "s.key")
    finally:
        os.umask(mask)
    key = read_key(Path("s.key").read_bytes())

    assert (found.exit_code, found.stderr, key.kind) == (0, "", kind)
    assert stat.S_IMODE(Path("s.key").stat().st_mode) == 0o600
    assert files() == ["s.key"]
    assert f"\n{NAME}. IN TXT (\n" in found.stdout
    assert text_of(found.stdout) == key.record()
    line = found.stdout.splitlines()[-1]
    assert line == f'dkim-sign "{NAME}" key "{tmp_path}/s.key"'
    rules = '\nlisten on lo\naction "out" relay\nmatch from local for any action "out"\n'
    assert check_text(line + rules, tmp_path, {f"{tmp_path}/s.key": Path("s.key").read_text()}) == []


def test_a_key_that_is_there_is_never_replaced() -> None:
    """Mail may be signed with it; its record can be printed again."""
    made = dkim_key(NAME, "s.key")
    octets = Path("s.key").read_bytes()
    again = dkim_key(NAME, "s.key")
    shown = dkim_key("--record", NAME, "s.key")

    assert (again.exit_code, Path("s.key").read_bytes()) == (2, octets)
    assert '"s.key" is there already' in again.stderr
    assert files() == ["s.key"]
    assert text_of(shown.stdout) == text_of(made.stdout)


def test_names_are_written_as_the_dns_has_them() -> None:
    """In small letters and A-labels, with or without the dot at the end."""
    found = dkim_key("--ed25519", "S._domainkey.müller.Example.", "s.key")

    assert "\ns._domainkey.xn--mller-kva.example. IN TXT (" in found.stdout
    assert 'dkim-sign "s._domainkey.xn--mller-kva.example" key' in found.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["example.org", "s.key"], 'NAME is a selector, "._domainkey." and a domain, found "example.org"'),
        (["._domainkey.example.org", "s.key"], "NAME is a selector"),
        (["s._domainkey.", "s.key"], "NAME is a selector"),
        (["s._domainkey.ex ample.org", "s.key"], "in a host name"),
        (["s\x1b[1m._domainkey.example.org", "s.key"], "in a host name"),
        (["s._domainkey.-ü-.example", "s.key"], "internationalized"),
        ([NAME, "none/s.key"], 'cannot write "none/s.key": no such file or directory'),
        (["--record", NAME, "none"], 'cannot read "none": no such file or directory'),
        (["--record", NAME, "rubbish"], 'the key "rubbish" cannot be used: it holds no private key'),
        (["--record", "--ed25519", NAME, "ed.key"], "--ed25519 is for a new key"),
        ([NAME], "expected FILE, found nothing"),
    ],
)
def test_wrong_use_is_one_sentence(arguments: list[str], sentence: str) -> None:
    """And leaves nothing behind."""
    Path("rubbish").write_text("no key")
    Path("ed.key").write_bytes(new_key(is_ed25519=True))

    found = dkim_key(*arguments)

    assert (found.exit_code, found.stdout, len(found.stderr.splitlines())) == (2, "", 1)
    assert sentence in found.stderr
    assert "\x1b" not in found.stderr
    assert files() == ["ed.key", "rubbish"]
