"""No command shows a password or a key of a configuration, in whatever form it prints."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smtpdsl.cli.main import main

SECRET = "swordfish0123"  # noqa: S105 - nobody's
RULES = 'action "in" mbox\nmatch from local for local action "in"\n'
HOST = "@mx.example"
LOGIN = 'listen on lo\naction "out" relay host smtps://a@mx.example auth'
# Each is wrong where its secret stands, or in the line before it or behind it.
WRONG = [
    f'queue encryption "{SECRET}"',
    f"queue encryption {SECRET}",
    f'queue encryption backup "{SECRET}" "{SECRET}"',
    f'queue encrypton "{SECRET}"',
    f'queue encryption \\\n  "{SECRET}"',
    f'queue encryption "{SECRET}',
    f'# queue encryption "{SECRET}"\nqueue encryption "short"',
    f'quue encrypton "{SECRET}"',
    f"rs key '{SECRET}'",
    f'queue encryption# "{SECRET}"',
    f'srs key "{SECRET}" nonsense',
    f'srs key backup {SECRET} "{SECRET}"',
    f'srs "{SECRET}"',
    f"srs key '{SECRET}'\nsrs key 'again'",
    f'secret = "{SECRET}"\nqueue encryption $secret',
    f'secret@ = "{SECRET}"\nqueue encryption $secret',
    f'inner = "{SECRET}"\nouter = $inner\nqueue encryption $outer',
    f'action "out" relay host "smtps://ann:{SECRET}{HOST}"',
    f'action "out" relay host smtps://ann:{SECRET}{HOST}',
    f'action "out" relay host "smtps:/ //ann:{SECRET}',
    f'action "out" relay host "smtp://ann:my {SECRET}{HOST}" nonsense',
    f'mx = "smtps://ann:{SECRET}{HOST}"\naction "out" relay host $mx',
    f'{LOGIN} {{ b = "ann:{SECRET}" }}',
    f'{LOGIN} {{ a "ann:{SECRET}" }}',
    f"{LOGIN} {{ b = ann:{SECRET} ",
    f'{LOGIN} {{\n  b =\n  "ann:{SECRET}",\n  # c = "ann:{SECRET}"\n  d\n}}',
    f'{LOGIN.replace("auth", "atuh")} {{ b = "ann:{SECRET}" }}',
    f'{LOGIN} b = "ann:{SECRET}" }}',
    f'{LOGIN} <creds>\ntable creds {{ b = "ann:{SECRET}" }} nonsense',
    f'{LOGIN} <creds>\ntable cred {{ b = "{SECRET}" }} nonsense',
    f'{LOGIN} <creds>\ntable creds b = "{SECRET}" }}',
    f'{LOGIN} <creds>\ntable creds {{ b = "{SECRET}", b = "{SECRET}" }}',
    f'which = "<creds>"\n{LOGIN} $which\ntable creds {{ b = "{SECRET}", b = "{SECRET}" }}',
    f'login = "ann:{SECRET}"\n{LOGIN} {{ b = $login, b = $login }}',
    f'table nobody {{ b = "ann:{SECRET}" }}',
]
# Two mistakes, or one that leaves no word whole.
BROKEN = [
    f'srsky backup "{SECRET}"',
    f"s$s key {SECRET}",
    f'queueencryption backpu "{SECRET}"',
    f'que}}ue encryption "{SECRET}"',
    f'srs key backup" {SECRET}"',
    f'kee = "{SECRET}"\nqueue encryption $key',
    f'key = "{SECRET}"\nqueue encryption "$key',
    f'logi{{ = "ann:{SECRET}"\n{LOGIN} {{ b = $login }}',
    f'{LOGIN} <creds>\ntabl ecreds {{ b = "{SECRET}" }}',
    f'{LOGIN.replace("auth", "aut h")}{{ b = "{SECRET}" }}',
    f'{LOGIN.replace("auth", "_uht")} {{ b = "ann:{SECRET}" }}',
    f'action "out" relay host "smtps:a/ann:{SECRET}{HOST}"',
    f'action "out" relay host "smtps://ann${SECRET}{HOST}"',
    f'accept for any relay via "smtps+,uth://ann {SECRET}{HOST}"',
]
LEGACY = [
    f'queue encryption key "{SECRET}"',
    f'accept for any relay via "smtps+auth://ann:{SECRET}{HOST}"',
    f'accept for any relay via "tls://ann:{SECRET}{HOST}" nonsense',
]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    """Run `smtpdsl` in this process."""
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


@pytest.mark.parametrize("text", [f"{each}\n{RULES}" for each in WRONG + BROKEN] + [f"{each}\n" for each in LEGACY])
def test_no_finding_shows_a_secret(text: str) -> None:
    """Neither its excerpt nor what it says, in any format; but there is one."""
    Path("smtpd.conf").write_text(text)
    for form in ("text", "concise", "json", "github", "sarif"):
        found = run("check", "--static", "--format", form, "smtpd.conf")
        assert SECRET not in found.output
        assert "smtpd.conf" in found.stdout
    for command in (["graph"], ["explain", "a@b.example", "root", "-f"], ["prove"], ["diff", "smtpd.conf"]):
        more = ["no-open-relay"] if command == ["prove"] else []
        assert SECRET not in run(*command, "smtpd.conf", *more).output


def test_an_excerpt_is_as_long_as_the_line() -> None:
    """What is underlined stays below what it is about, quotes and the rest of the line can be read."""
    Path("smtpd.conf").write_text(f'srs key "{SECRET}" nonsense  # of today\n{RULES}')

    lines = run("check", "--static", "smtpd.conf").stdout.splitlines()
    number = lines.index(f'1 | srs key "{"*" * len(SECRET)}" ********  # of today')

    assert lines[number + 1].index("^^^^^^^^ not expected here") == lines[number].index("********  #")


def test_what_looks_similar_is_shown() -> None:
    """Ports, settings without a key, and tables that nobody logs in with."""
    lines = [
        'table users { ann = "1000:1000:/home/ann" }',
        "queue ttl 3d nonsense",
        "srs ttl 7d nonsense",
        'action "out" relay host "smtp://mx.example:25" mail-from "joe@a.example" nonsense',
        "queue encryption stdin nonsense",
    ]
    text = "\n".join([*lines, 'action "in" maildir userbase <users> nonsense', RULES])
    Path("smtpd.conf").write_text(text)

    stdout = run("check", "--static", "smtpd.conf").stdout

    for line in lines[1:4]:
        assert f"| {line}" in stdout
    assert "| queue encryption stdin ********" in stdout


def test_words_of_a_comment_are_no_secrets() -> None:
    """They stand in what is said of other lines, too."""
    Path("smtpd.conf").write_text(f'# queue of mails, srs with aliases\n{RULES}match for any action "mails"\n')

    assert 'no action named "mails"' in run("check", "--static", "smtpd.conf").stdout


def test_a_macro_of_the_command_line() -> None:
    """Its value is shown where nothing secret is wanted, and nowhere else."""
    Path("smtpd.conf").write_text(f"queue encryption $key\nlisten on $key\n{RULES}")
    Path("open.conf").write_text(f'action "x" relay host $key\n{RULES}')

    assert SECRET not in run("check", "-D", f"key={SECRET}", "smtpd.conf").output
    assert "1 | smtps://" in run("check", "-D", "key=smtps://", "open.conf").output


def test_a_patch_shows_no_secret_beside_it() -> None:
    """It has no lines but those it changes, and can be applied."""
    text = f'queue encryption "{SECRET}"\nlisten on lo port "26"\n{RULES}'
    Path("smtpd.conf").write_text(text)
    patch = run("check", "--static", "--diff", "smtpd.conf").stdout

    assert SECRET not in patch
    assert '-listen on lo port "26"\n' in patch
    if (program := shutil.which("patch")) is not None:
        subprocess.run([program, "-p0"], input=patch.encode(), check=True, capture_output=True)
        assert Path("smtpd.conf").read_text() == text.replace('"26"', "26")


@pytest.mark.parametrize("lines", ["work ann:{}\nwork ann:{}\n", "{}\n", "[{}\n", "work ann:x\n{}\n", "= ann:{} x\n"])
@pytest.mark.parametrize("form", ["text", "concise", "json", "github", "sarif"])
def test_a_file_of_passwords(lines: str, form: str) -> None:
    """However broken it is."""
    folder = Path("etc")
    folder.mkdir()
    (folder / "creds").write_text(lines.replace("{}", SECRET))
    Path("smtpd.conf").write_text(f'{LOGIN} <creds>\nmatch for any action "out"\ntable creds file:/etc/creds\n')

    found = run("check", "--root", ".", "--format", form, "smtpd.conf")

    assert "creds" in found.stdout
    assert SECRET not in found.output


def test_the_rules_of_an_answer() -> None:
    """A rule of the language before 6.4 may hold a login."""
    rule = f'accept from any for any relay via "smtps+auth://a@mx.example" auth {{ a = "ann:{SECRET}" }}'
    Path("smtpd.conf").write_text(f"listen on 127.0.0.1\n{rule}\n")
    Path("other.conf").write_text(f"listen on 127.0.0.1\n{rule.replace('for any', 'for domain x.example')}\n")
    shown = rule.replace(f"ann:{SECRET}", "*" * len(f"ann:{SECRET}"))

    for arguments in (
        ["explain", "a@b.example", "c@d.example", "-f", "smtpd.conf"],
        ["explain", "--json", "a@b.example", "c@d.example", "-f", "smtpd.conf"],
        ["diff", "--json", "other.conf", "smtpd.conf"],
        ["graph", "--format", "json", "smtpd.conf"],
        ["prove", "--json", "smtpd.conf", "no-open-relay"],
    ):
        output = run(*arguments).output
        assert SECRET not in output
        assert shown in output.replace('\\"', '"')
