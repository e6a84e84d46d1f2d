"""The program of a configuration, and its text form."""

from __future__ import annotations

from pathlib import Path

from smtpdsl.compiler.emit import emit, print_program
from smtpdsl.compiler.pipeline import compile_octets
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir.program import Program
from tests.conftest import CompareGolden
from tests.worlds import Bench

ROOT = Path(__file__).parent.parent.parent
GOLDEN = ROOT / "tests" / "golden" / "emit"


def program_of(text: str, files: dict[str, str] | None = None) -> Program:
    """Compile *text* to a program, whatever is found on the way."""
    report = Report()
    compilation = compile_octets("smtpd.conf", text.encode(), Bench(files), report)
    assert compilation.ruleset is not None
    assert compilation.text is not None
    return emit(compilation.ruleset, compilation.text.source)


def test_home_server(golden: CompareGolden) -> None:
    """The whole text form of an example: what was written, what it became, and every default."""
    files = {
        path: (ROOT / "examples" / "root" / path[1:]).read_text() for path in ("/etc/mail/aliases", "/etc/mail/domains")
    }
    text = (ROOT / "examples" / "home-server.conf").read_text()

    golden(GOLDEN / "home-server.out", print_program(program_of(text, files)))


def test_equal_meanings_have_equal_texts() -> None:
    """Blanks, quotes and macros are not part of a program; places are, so the lines are the same here."""
    plain = 'action "a" relay\nmatch from any for domain { x.example, y.example } action "a"\n'
    other = "action a  relay\nmatch   for domain { 'x.example'  y.example } from any action a\n"

    first, second = program_of(plain), program_of(other)

    assert print_program(first) == print_program(second)
    assert first.digest != second.digest


def test_the_digest_is_that_of_the_text_with_its_includes() -> None:
    """Log lines carry it, so a changed include is another configuration."""
    text = 'include "/etc/rules"\n'
    one, two = (program_of(text, {"/etc/rules": f'action "a" relay ttl {ttl}\n'}) for ttl in ("1d", "2d"))

    assert len(one.digest) == 64
    assert one.digest != two.digest


def test_a_change_anywhere_changes_the_text() -> None:
    """Two configurations that do different things cannot look the same."""
    lines = [
        'pki c1 cert "/c" key "/k"',
        'ca a1 cert "/a"',
        'mda wrapper w "nice %{mda}"',
        'filter f proc-exec "/bin/f" user nobody',
        "listen on lo tls pki c1 filter f",
        'action "a" mda "/bin/in" wrapper w',
        'match for local action "a"',
    ]
    changes = ['"/c"', '"/k"', '"/a"', "nice", "/bin/f", "nobody", "lo tls", "/bin/in", "for local"]
    text = "\n".join(lines) + "\n"
    changed = [
        text.replace(old, {"lo tls": "lo smtps", "for local": "for any"}.get(old, old[:-1] + f"x{old[-1]}"))
        for old in changes
    ]

    texts = {print_program(program_of(each)) for each in [text, *changed]}

    assert len(texts) == len(changes) + 1


def test_secrets_are_not_printed() -> None:
    """The text is for eyes and for bug reports; keys, passwords and hashes are for neither."""
    text = (
        'srs key "hunter1"\nqueue encryption "hunter2hunter2hunter2hunter2hunt"\n'
        'queue encryption backup "hunter5hunter5hunter5hunter5hunt"\n'
        'table creds { joe = "$6$hunter3" }\npki c1 dhe none\nlisten on lo tls pki c1 auth <creds>\n'
        'action "a" relay host "smtps://l@x.example" auth { l = "joe:hunter4" }\nmatch for any action "a"\n'
        'match auth <creds> for any action "a"\n'
    ).replace('"$6$hunter3"', "'$6$hunter3'")

    printed = print_program(program_of(text))

    assert "hunter" not in printed
    assert printed.count("(secret)") == 5
    assert '"joe" = "(secret)"' in printed
