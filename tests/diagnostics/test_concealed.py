"""Secrets of a file in findings about it."""

from __future__ import annotations

import json

from smtpdsl.diagnostics.arrange import arrange
from smtpdsl.diagnostics.concealed import Concealed, ConcealedValues, Stretch
from smtpdsl.diagnostics.diagnostic import Fix, Related
from smtpdsl.diagnostics.fixes import apply_fixes
from smtpdsl.diagnostics.formats import render_json
from smtpdsl.diagnostics.span import Source
from tests.diagnostics.samples import MISTAKE, at


def with_secret(text: str, secret: str, name: str = "smtpd.conf") -> Source:
    """Return a source in which *secret* is one."""
    source = Source(name, text)
    start = text.index(secret)
    source.concealed = Concealed(lambda: {source: [Stretch(start, start + len(secret))]})
    return source


def test_what_a_finding_says() -> None:
    """Message, label, help, notes and what is said of other places; they are as long as they were."""
    source = with_secret("key hush-hush\n", "hush-hush")
    found = MISTAKE.at(
        at(source, "key"),
        "found hush-hush",
        label="hush-hush?",
        help="no hush-hush",
        notes=("hush-hush", "nothing"),
        related=(Related(at(source, "hush"), "this hush-hush"),),
    )

    (shown,) = arrange([found])

    assert (shown.message, shown.label, shown.help) == ("found *********", "*********?", "no *********")
    assert shown.notes == ("*********", "nothing")
    assert shown.related[0].message == "this *********"


def test_short_secrets_are_masked_where_they_stand() -> None:
    """Everywhere else they are part of other words."""
    source = with_secret("key key\n", " k")
    (shown,) = arrange([MISTAKE.at(at(source, "key"), "a key")])

    assert shown.message == "a key"
    assert source.shown_line(1) == "key**ey"


def test_a_secret_that_was_cut_is_masked() -> None:
    """What is long is quoted in part, however much of it that is."""
    source = with_secret("key 0123456789abcdef\n", "0123456789abcdef")
    (shown,) = arrange([MISTAKE.at(at(source, "key"), "found 0123456789…", help="found 0123…, and 0123")])

    assert (shown.message, shown.help) == ("found **********…", "found ****…, and 0123")


def test_short_secrets_behind_a_login() -> None:
    """There they can be told from other words."""
    source = with_secret('via "tls://ann:pw@mx.example" pw\n', "pw")
    (shown,) = arrange([MISTAKE.at(at(source, "ann:pw"), 'expected no label, found "ann:pw"', help="pw")])

    assert (shown.message, shown.help) == ('expected no label, found "ann:**"', "pw")


def test_a_fix_with_a_secret_can_be_made_and_is_not_told() -> None:
    """A masked one would break the file."""
    source = with_secret("key hush-hush\n", "hush-hush")
    found = MISTAKE.at(at(source, "hush-hush"), "no quotes", fix=Fix.replacing(at(source, "hush-hush"), '"hush-hush"'))

    assert json.loads(render_json([found]))["diagnostics"][0]["fix"] is None
    assert apply_fixes([found], unsafe=True).changes[0].after == 'key "hush-hush"\n'


def test_a_secret_of_several_lines() -> None:
    """Each line is shown as long as it is."""
    source = with_secret('key "hush\nhush" more\n', "hush\nhush")

    assert [source.shown_line(number) for number in (1, 2)] == ['key "****', '****" more']


def test_lines_of_logins_and_passwords() -> None:
    """A key can be read if something stands behind it; of other lines nothing is known."""
    lines = {
        "ann:hush hush": "ann:**** ****",
        "  ann\t: hush": "  ann\t: ****",
        "hush": "****",
        "# a comment: hush": "# a comment: hush",
        "": "",
        ":": ":",
    }
    source = Source("creds", "\n".join(lines))
    source.concealed = ConcealedValues()

    assert [source.shown_line(number) for number in range(1, len(lines) + 1)] == list(lines.values())


def test_nothing_is_looked_for_before_something_is_shown() -> None:
    """Most files have no finding."""
    asked = []
    source = Source("smtpd.conf", "text\n")

    def find() -> dict[Source, list[Stretch]]:
        asked.append("now")
        return {}

    source.concealed = Concealed(find)

    assert source.whole().text == ""
    assert asked == []
    assert [source.shown_line(1), source.shown_line(1)] == ["text", "text"]
    assert asked == ["now"]
