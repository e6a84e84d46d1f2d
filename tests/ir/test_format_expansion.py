"""Putting values into format strings."""

from __future__ import annotations

import posixpath
import string
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smtpdsl.ir.format_expansion import FormatError, FormatValues, expand_command, expand_format
from smtpdsl.ir.format_string import parse_format

VALUES = FormatValues(
    sender=("ann", "example.com"),
    rcpt=("Joe+Tag", "Example.ORG"),
    dest=("joe+tag", "example.org"),
    username="joe",
    directory="/home/joe",
)


def expand(text: str, values: FormatValues = VALUES, *, path: bool = False) -> str:
    """Expand *text* as the modern language reads it."""
    return expand_format(parse_format(text), values, path=path)


def with_user(local_part: str) -> FormatValues:
    """Return values in which *local_part* is the user wherever there is one."""
    address = (local_part, "example.org")
    return VALUES.replace(sender=address, rcpt=address, dest=address, username=local_part)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("%{sender} %{sender.user} %{sender.domain}", "ann@example.com ann example.com"),
        ("%{rcpt} %{rcpt.user} %{rcpt.domain}", "Joe+Tag@Example.ORG Joe+Tag Example.ORG"),
        ("%{dest} %{dest.user} %{dest.domain}", "joe+tag@example.org joe+tag example.org"),
        ("%{user.username} %{user.directory} %{mbox.from}", "joe /home/joe ann@example.com"),
        ("~/Maildir/100%%/%u", "/home/joe/Maildir/100%/%u"),
        ("%{rcpt:lowercase} %{rcpt.user:uppercase}", "joe+tag@example.org JOE+TAG"),
        ("%{dest:strip} %{dest.user:strip} %{dest.domain:strip}", "joe@example.org joe example.org"),
        ("%{rcpt:strip|lowercase|raw}", "joe@example.org"),
    ],
)
def test_specifiers_stand_for_the_values_of_a_delivery(text: str, expanded: str) -> None:
    """Addresses come whole, by local part and by domain; modifiers apply from left to right."""
    assert expand(text) == expanded


@pytest.mark.parametrize(
    ("written", "expanded"),
    [
        ("[0]", "e"),
        ("[1]", "x"),
        ("[8:]", "org"),
        ("[-3:]", "org"),
        ("[-3:-2]", "o"),
        ("[0:6]", "example"),
        ("[:6]", "example"),
        ("[0:-4]", "example"),
        ("[0:-1]", "example.or"),
        ("[8:99]", "org"),
        ("[:]", "example.org"),
    ],
)
def test_a_range_includes_its_last_character(written: str, expanded: str) -> None:
    """A negative last number drops as many characters; beyond the end is the end."""
    assert expand(f"%{{dest.domain{written}}}") == expanded


@pytest.mark.parametrize("written", ["[11]", "[11:]", "[-12:]", "[0:-12]", "[5:-8]", "[-3:2]"])
def test_a_range_outside_of_its_value_fails_the_delivery(written: str) -> None:
    """The error blames the specifier."""
    with pytest.raises(FormatError, match="expected a range inside") as caught:
        expand(f"x %{{dest.domain{written}}}")

    assert caught.value.start == 2
    assert not caught.value.is_temporary


def test_the_null_sender_is_empty_but_for_a_mailbox() -> None:
    """A From_ line needs a name; a range of nothing is nothing."""
    null = VALUES.replace(sender=None)

    assert expand("<%{sender}%{sender.user}%{sender.domain[0:3]}> %{mbox.from}", null) == "<> MAILER-DAEMON"


def test_the_null_sender_of_the_legacy_language_is_an_at_sign() -> None:
    """And there any other empty value stops the delivery for a while."""
    null = VALUES.replace(sender=None)
    assert expand_format(parse_format("%{sender}", legacy=True), null) == "@"

    with pytest.raises(FormatError, match="is empty") as caught:
        expand_format(parse_format("%{sender.user}", legacy=True), null)
    assert caught.value.is_temporary


def test_characters_that_once_hurt_are_replaced() -> None:
    """Each becomes a colon; `raw` and the home directory are spared; the legacy language replaces two more."""
    values = with_user(string.punctuation).replace(directory="/home/a&b")

    assert set(string.punctuation) - set(expand("%{dest.user}", values)) == set("!#$%&'*?`{|}~")
    legacy = expand_format(parse_format("%{dest.user}", legacy=True), values)
    assert set(string.punctuation) - set(legacy) == set("!#$%&'*/?^`{|}~")
    assert expand("%{dest.user:raw}%{user.directory}", values) == string.punctuation + "/home/a&b"


def test_a_fatal_problem_fails_the_delivery() -> None:
    """What the check reported as an error is not expanded to something else."""
    with pytest.raises(FormatError, match='found "sendr"'):
        expand("%{sendr}")


def test_what_is_unexpanded_goes_out_as_it_is() -> None:
    """A missing brace makes the whole text literal, as it always did."""
    assert expand("%{dest} %{sender") == "%{dest} %{sender"


@given(st.text(alphabet="./\\ab\n\0é", max_size=6), st.sampled_from(["", ":raw", ":strip", "[0]"]))
def test_a_value_never_adds_a_component_to_a_path(local_part: str, more: str) -> None:
    """However it is made up, the path stays as deep as the format string says."""
    text = f"/var/vmail/%{{dest.domain}}/%{{dest.user{more}}}/new"
    try:
        path = expand(text, with_user(local_part or "x"), path=True)
    except FormatError:
        return
    directory, user, new = path.removeprefix("/var/vmail/").split("/")
    assert (directory, new) == ("example.org", "new")
    assert posixpath.normpath(path) == path or not user


@pytest.mark.parametrize(
    ("text", "local_part"),
    [
        ("/v/%{dest.user}", ".."),
        ("/v/%{dest.user}", "."),
        ("/v/%{dest.user}/new", ".."),
        ("/v/.%{dest.user}", "."),
        ("/v/%{dest.user}%{rcpt.user}/", "."),
        ("~/%{dest.user:raw}", ".."),
        ("%{dest.user[0:1]}", "../x"),
    ],
)
def test_a_value_that_climbs_is_refused(text: str, local_part: str) -> None:
    """Dots alone are no mailbox, not even put together from several parts."""
    with pytest.raises(FormatError, match="a part of the path"):
        expand(text, with_user(local_part), path=True)


def test_dots_of_the_configuration_and_in_names_stay() -> None:
    """Only values are suspected, and only of standing alone."""
    path = expand("~/../%{dest.user}.x/./a%{rcpt.user}", with_user(".."), path=True)

    assert path == "/home/joe/../...x/./a.."


ATTACKS = [
    "$(id)",
    "`id`",
    "a;id",
    "a&id",
    "a|id",
    'x" id "',
    "x' id '",
    "\\",
    "~root",
    "*",
    "<x>",
    "#",
    "!!",
    "a\nid",
    "^",
]


@pytest.mark.parametrize("local_part", ATTACKS)
@pytest.mark.parametrize("more", ["", ":raw"])
def test_no_shell_syntax_comes_out_of_a_value(local_part: str, more: str) -> None:
    """Also `raw` leaves nothing that a shell acts upon."""
    word = expand_command(parse_format(f"%{{dest.user{more}}}"), with_user(local_part))

    assert set(word) <= set(string.ascii_letters + string.digits + "@%+=:,./_-")
    assert len(word) == len(local_part)


def test_ordinary_addresses_reach_a_command_unchanged() -> None:
    """Sub-addresses, rewritten senders and names beyond ASCII among them."""
    for local_part in ("joe+tag", "SRS0=HHHH=TT=example.net=ann", "prvs=1=ann", "müller", "a/b_c-d.e"):
        assert expand_command(parse_format("%{dest}"), with_user(local_part)) == f"{local_part}@example.org"


def test_a_home_directory_is_refused_rather_than_changed() -> None:
    """A command in another directory than the user's would be worse than none."""
    with pytest.raises(FormatError, match='found " "'):
        expand_command(parse_format("~/bin/x"), VALUES.replace(directory="/home/joe doe"))


@pytest.mark.parametrize("place", ["$%{sender}", '"${%{sender}}"', 'sh -c "\\$%{sender.user[0]}"'])
def test_a_value_is_never_the_name_of_a_variable(place: str) -> None:
    """A dollar sign before a specifier would let a stranger choose what is read."""
    with pytest.raises(FormatError, match="name of a variable"):
        expand_command(parse_format(place), VALUES)


def test_an_empty_value_does_not_hand_its_backslash_on() -> None:
    """The quote behind it would be escaped, and the words of the command would be others."""
    text = parse_format('x "\\%{sender}" y')
    assert expand_command(text, VALUES) == 'x "\\ann@example.com" y'

    with pytest.raises(FormatError, match="backslash before it"):
        expand_command(text, VALUES.replace(sender=None))


def test_a_wrapped_command_keeps_its_syntax() -> None:
    """The administrator wrote it; its own values are safe already."""
    command = expand_command(parse_format("deliver -f '%{sender}' | tee"), with_user("$x"))
    wrapped = expand_command(parse_format('nice sh -c "%{mda}"', wrapper=True), VALUES.replace(mda=command))

    assert wrapped == "nice sh -c \"deliver -f ':x@example.org' | tee\""


# Every place where a value may stand, in a command that one shell or two of them read; the last is a sample's.
PLACES = (
    "printf '%%s\\n' %{dest.user:raw}",
    "printf '%%s\\n' '%{dest.user:raw}'",
    "printf '%%s\\n' \"%{dest.user:raw}\"",
    "sh -c \"printf '%%s\\n' %{dest.user:raw}\"",
    "sh -c \"printf '%%s\\n' '%{dest.user:raw}'\"",
    'sh -c \'printf "%%s\\n" "%{dest.user:raw}"\'',
    'sh -c "printf \'%%s\\n\' \\"%{dest.user:raw}\\""',
    "printf '%%s\\n' $(printf '%%s\\n' %{dest.user:raw})",
    "printf '%%s\\n' `printf '%%s\\n' \"%{dest.user:raw}\"`",
    "sh -c \"$(cat <<END\nprintf '%%s\\n' %{dest.user:raw}\nEND\n)\"",
)


@settings(max_examples=10, deadline=None)
@example([*string.punctuation, *(f"a{character}b" for character in string.punctuation + string.whitespace)])
@given(st.lists(st.text(string.printable + "é\u00a0", max_size=10), min_size=1, max_size=12))
def test_no_value_breaks_out_of_a_command(tmp_path_factory: pytest.TempPathFactory, local_parts: list[str]) -> None:
    """A real shell, and a second one inside, print each value as it stands in the command line."""
    script, expected = [], []
    for local_part in local_parts:
        values = with_user(local_part)
        word = expand_command(parse_format("%{dest.user:raw}"), values)
        for place in PLACES:
            script.append(expand_command(parse_format(place), values))
            expected.append(word)

    # A value that did break out might write a file.
    elsewhere = tmp_path_factory.mktemp("shell")
    command = ["/bin/sh", "-c", "\n".join(script)]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False, timeout=60)

    assert done.stderr == ""
    assert done.stdout.splitlines() == expected
