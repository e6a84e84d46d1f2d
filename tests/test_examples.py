"""The examples hold what they promise."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from smtpdsl.cli.main import main
from tests.compiler.test_legacy import SAMPLE

EXAMPLES = Path(__file__).parent.parent / "examples"
# The sample of somebody's server as it is, half-converted: its program is not installed here, and its
# `%{sender}` is a trap that the finding is for.
KNOWN = {"legacy-rspamd-dovecot.conf": {"missing-file", "unquoted-sender"}}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.conf")), ids=lambda path: path.name)
def test_an_example_has_no_findings(path: Path) -> None:
    """With its files under `examples/root` nothing is wrong with it, nor suspect."""
    found = CliRunner().invoke(main, ["check", "--format", "concise", "--root", str(EXAMPLES / "root"), str(path)])

    codes = {line.rpartition("[")[2].rstrip("]") for line in found.stdout.splitlines()}
    assert found.exit_code == 0
    assert codes <= KNOWN.get(path.name, set()), found.stdout


def test_all_examples_at_once() -> None:
    """As the documents say it."""
    paths = map(str, sorted(EXAMPLES.glob("*.conf")))

    assert CliRunner().invoke(main, ["check", "--root", str(EXAMPLES / "root"), *paths]).exit_code == 0


@pytest.mark.parametrize(
    ("example", "options", "sender", "recipient", "reply", "end"),
    [
        (
            "quickstart",
            ["--from", "local"],
            "joe@example.net",
            "anybody@localhost",
            "250",
            "/var/mail/quickstart/Maildir",
        ),
        ("quickstart", [], "joe@example.net", "anybody@localhost", "550", ""),
        ("home-server", ["--auth", "ann"], "ann@example.org", "joe@example.net", "250", "MX of example.net"),
        ("home-server", [], "ann@example.org", "joe@example.net", "550", ""),
        (
            "smarthost",
            ["--from", "local"],
            "ann@example.net",
            "joe@away.example",
            "250",
            "smtps://provider@smtp.example.net",
        ),
        ("virtual-domains", [], "joe@away.example", "ann@example.org", "250", "/run/dovecot/lmtp"),
        ("virtual-domains", [], "joe@away.example", "anybody@example.net", "250", "/run/dovecot/lmtp"),
        ("virtual-domains", [], "joe@away.example", "nobody@example.org", "524", ""),
        ("backup-mx", [], "joe@away.example", "ann@example.org", "250", "MX of example.org"),
        ("backup-mx", [], "joe@away.example", "ann@away.example", "550", ""),
        (
            "legacy-rspamd-dovecot",
            ["--auth", "joe"],
            "joe@example.com",
            "a@b.example",
            "250",
            "smtp+tls://example@smtp.example.com:587",
        ),
        ("legacy-rspamd-dovecot", [], "joe@away.example", "a@b.example", "550", ""),
        ("legacy-rspamd-dovecot", [], "joe@away.example", "nobody@example.com", "524", ""),
    ],
)
def test_an_example_does_what_it_is_for(
    example: str, options: list[str], sender: str, recipient: str, reply: str, end: str
) -> None:
    """Mail for us comes in, mail of ours goes out, and nobody else relays."""
    command = ["explain", "--root", str(EXAMPLES / "root"), "-f", str(EXAMPLES / f"{example}.conf")]

    found = CliRunner().invoke(main, [*command, *options, sender, recipient])

    assert found.exit_code == 0, found.stderr
    assert f"reply    {reply} " in found.stdout
    assert end in found.stdout


def test_the_sample_is_the_published_one() -> None:
    """The legacy sample is what its author wrote, byte for byte: it must be accepted verbatim."""
    sample = Path(__file__).parent.parent / "examples" / "legacy-rspamd-dovecot.conf"

    assert sample.read_text(encoding="utf-8") == SAMPLE.lstrip("\n")
