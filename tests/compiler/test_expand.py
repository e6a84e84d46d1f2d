"""Macros and includes put in place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.diagnostics.arrange import arrange
from tests.compiler.reading import describe, place, pointed_at, read, refused


def uses(text: str) -> str:
    """Return the expanded text behind the definitions of *text*, in which nothing is wrong."""
    found = read(text)
    assert not found.messages
    return found.text.split("\n", text.count(" = "))[-1].rstrip("\n")


# ---------------------------------------------------------------- macros


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param('a = "lo"\nlisten on $a\n', "listen on lo", id="one-word"),
        pytest.param("a = lo\nlisten on $a\n", "listen on lo", id="bare-value"),
        pytest.param('a = "lo port 25"\nlisten on $a tls\n', "listen on lo port 25 tls", id="several-words"),
        pytest.param("a = '\"a b\"'\nadmd $a\n", 'admd "a b"', id="a-quoted-string"),
        pytest.param('a = "{ x, y }"\ntable t $a\n', "table t { x, y }", id="a-list"),
        pytest.param('a = "queue compression"\n$a\n', "queue compression", id="a-statement"),
        pytest.param('a = "compression # always"\nqueue $a !\n', "queue compression # always !", id="a-comment"),
        pytest.param('a = ""\nlisten on $a lo\n', "listen on  lo", id="nothing"),
        pytest.param('a = "lo"\nlisten on $a.x\n', "listen on lo.x", id="glued"),
        pytest.param('a = "lo"\nb = "x"\nlisten on $a$b\n', "listen on lo$b", id="no-reference-behind-a-word"),
        pytest.param('a = ""\nb = "lo"\nlisten on $a$b\n', "listen on lo", id="a-reference-behind-nothing"),
        pytest.param('a = "25"\nlisten on lo port $a\n', "listen on lo port 25", id="a-number"),
        pytest.param('a = "x"\nadmd "$a"\n', 'admd "$a"', id="not-in-quotes"),
        pytest.param('a = "x"\nadmd l$a\n', "admd l$a", id="not-in-a-word"),
        pytest.param('a = "x"\nadmd y # $a $b\n', "admd y # $a $b", id="not-in-a-comment"),
        pytest.param('"listen" = "lo"\nlisten on $listen\n', "listen on lo", id="quoted-keyword-as-name"),
        pytest.param('a = "lo"\nlisten on $a#x\n', "listen on lo#x", id="a-comment-behind"),
        pytest.param('a = "t"\nmatch for domain <$a> reject\n', "match for domain <t> reject", id="a-table-name"),
        pytest.param('"1" = "lo"\nlisten on $1\n', "listen on lo", id="a-digit-as-name"),
    ],
)
def test_references(text: str, meant: str) -> None:
    """The text of the value takes the place of the reference, and is read like any other text."""
    assert uses(text) == meant


def test_a_definition_expands_at_once() -> None:
    """`b = $a` takes the value that `a` has in that line; a later one does not matter."""
    found = read('a = "lo"\nb = $a\na = "eth0"\nlisten on $b\n')

    assert found.text.endswith("listen on lo\n")
    assert found.messages == ['3:1 redefined-macro: macro "a" is defined again']


def test_a_value_is_not_searched_for_references() -> None:
    """A dollar sign that comes out of a macro is a stray character."""
    found = read('a = "lo"\nb = "$a"\nlisten on $b\n')

    assert found.messages == ["3:11 syntax-error: the value of a macro is not searched for macros"]


def test_a_redefinition_holds_from_there_on() -> None:
    """References above it keep the first value."""
    found = read('a = "lo"\nlisten on $a\na = "eth0"\nlisten on $a\n')

    assert [line for line in found.text.split("\n") if "listen" in line] == ["listen on lo", "listen on eth0"]
    assert [describe(each) for each in found.findings] == ['3:1 redefined-macro: macro "a" is defined again']
    assert [place(each.span) for each in found.findings[0].related] == ["1:1"]


def test_the_command_line_wins() -> None:
    """A macro of `-D` keeps its value, and the definitions of files are ignored without a word."""
    found = read('a = "lo"\nlisten on $a\n', defines={"a": "eth0"})

    assert not found.messages
    assert found.text.endswith("listen on eth0\n")
    assert found.expanded is not None
    assert not found.expanded.macros


def test_a_macro_of_the_command_line_may_hold_lines() -> None:
    """Only there can a value hold a newline."""
    found = read("$both\nadmd x\n", defines={"both": "queue compression\nqueue encryption"})

    assert not found.messages
    assert found.expanded is not None
    assert [found.text[head:].split("\n")[0] for head in found.expanded.heads] == [
        "queue compression",
        "queue encryption",
        "admd x",
    ]


def test_what_was_used_is_known() -> None:
    """Each definition is listed with whether anything refers to it."""
    found = read('a = "lo"\nb = "x"\nlisten on $a\nc = $a\n')

    assert found.expanded is not None
    assert [(each.name, place(each.span), each.is_used) for each in found.expanded.macros] == [
        ("a", "1:1", True),
        ("b", "2:1", False),
        ("c", "4:1", False),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a-b = "x"\n', '1:1 unreachable-macro: no reference can name macro "a-b"'),
        ('"a b" = "x"\n', '1:1 syntax-error: the name of macro "a b" has a blank in it'),
        ('"a.b" = "x"\n', '1:1 unreachable-macro: no reference can name macro "a.b"'),
    ],
)
def test_names_that_no_reference_can_spell(text: str, message: str) -> None:
    """A reference reads letters, digits and `_`; blanks in a name are refused."""
    assert read(text).messages == [message]


@pytest.mark.parametrize(
    ("text", "message", "pointed"),
    [
        pytest.param("listen on $x\n", 'macro "x" is not defined', "$x", id="unknown"),
        pytest.param("listen on $x.y/z tls\n", 'macro "x" is not defined', "$x", id="glued"),
        pytest.param("listen on $\n", "`$` without the name of a macro", "$", id="nothing"),
        pytest.param(
            "listen on ${if}\n", "`${if}` is no reference: a name follows the dollar sign at once", "${if}", id="braces"
        ),
        pytest.param("table t { a = $6$x.y }\n", "`$6` refers to a macro, and none is defined", "$6$x.y", id="hash"),
    ],
)
def test_an_undefined_macro_is_one_finding(text: str, message: str, pointed: str) -> None:
    """The statement is discarded without a second finding, and the next line is read."""
    found = read(text + "listen on lo prot 25\n")

    assert found.findings[0].message == message
    assert pointed_at(found.findings[0]) == pointed
    assert [place(each.span) for each in found.findings[1:]] == ["2:14"]


def test_a_similar_macro_is_offered() -> None:
    """A misspelt reference names the macro that was probably meant."""
    (found,) = read('hosts = "x"\nadmd $hsots\n').findings

    assert found.help == "use `$hosts`"


def test_a_definition_below_is_shown() -> None:
    """Macros, unlike everything else, must be defined above their use."""
    (found,) = read('listen on $x\nx = "lo"\n').findings

    assert [place(each.span) for each in found.related] == ["2:1"]
    assert found.help == "move the definition up"


@pytest.mark.parametrize(
    "definition",
    [
        pytest.param("x =\n", id="no-value"),
        pytest.param("x = 25\n", id="number"),
        pytest.param("x = any\n", id="keyword"),
        pytest.param("x = /etc/mail\n", id="bare-path"),
        pytest.param('x = "a" b\n', id="two-values"),
        pytest.param("x = $y\n", id="undefined"),
        pytest.param('x = "a\n', id="unclosed-quote"),
        pytest.param('x "a"\n', id="no-sign"),
        pytest.param('x: "a"\n', id="colon"),
        pytest.param('x := "a"\n', id="colon-and-sign"),
        pytest.param('set x = "a"\n', id="set"),
        pytest.param('$x = "a"\n', id="dollar-sign"),
        pytest.param('table t { a\nx = "a"\nlisten on lo\n', id="behind-an-open-brace"),
    ],
)
def test_a_discarded_definition_still_declares_its_name(definition: str) -> None:
    """References to a macro whose definition is broken give no second finding."""
    assert len(read(definition + "listen on lo tag $x\n").messages) == 1


def test_a_definition_with_a_dollar_sign_defines() -> None:
    """`$name = …` is reported as what it is, and defines the macro."""
    found = read('$x = "lo"\nlisten on $x\n')

    assert found.messages == ["1:1 syntax-error: a macro is defined without the dollar sign"]
    assert found.text.endswith("listen on lo\n")


@pytest.mark.parametrize(
    ("value", "use", "message"),
    [
        pytest.param("'\"lo'", "listen on $x\n", "2:11 syntax-error: this quote is never closed", id="quote"),
        pytest.param('"{ a, b"', "table t $x\n", "2:9 syntax-error: this `{` is never closed", id="brace"),
    ],
)
def test_a_value_may_leave_something_open(value: str, use: str, message: str) -> None:
    """What is never closed behind the reference is one finding there; the value is a related place."""
    found = read(f"x = {value}\n{use}listen on lo\n")

    assert found.messages == [message]
    (shown,) = arrange(found.findings)
    assert "in the value of macro `x`" in [each.message for each in shown.related]


def test_an_open_quote_may_be_closed_behind_the_reference() -> None:
    """Text that follows a reference is glued to what the value began, also to a string."""
    found = read("x = '\"a b'\nadmd $x.c\"\n")

    assert not found.messages
    assert found.text.endswith('admd "a b.c"\n')


def test_an_open_brace_may_be_closed_behind_the_reference() -> None:
    """Half a list in a macro is legal."""
    assert not read('x = "{ a,"\ntable t $x b }\nlisten on lo\n').messages


def test_a_comment_in_a_value_hides_the_rest_of_the_line() -> None:
    """And no more than that."""
    assert uses('x = "lo # "\nlisten on $x prot 25\nlisten on lo\n').endswith("\nlisten on lo")


def test_a_finding_in_a_value_shows_both_places() -> None:
    """The reference is where the finding is; what stands in the value is a related place."""
    found = read('if = "lo"\nopts = "tls prot 25"\nlisten on lo $opts\n')

    (shown,) = arrange(found.findings)
    assert place(shown.span) == "3:14"
    assert pointed_at(shown) == "$opts"
    assert [(place(each.span), each.span.text, each.message) for each in shown.related] == [
        ("2:13", "prot", "in the value of macro `opts`")
    ]


@given(text=st.text(alphabet="ab l{}=,<>!()-:;.#\n\t\u00fc"), quoted=st.text(alphabet="ab #$\t\u00fc"))
def test_a_text_without_references_and_backslashes_is_unchanged(text: str, quoted: str) -> None:
    """There is nothing to put in place; a dollar sign in quotes is none."""
    whole = f"{text}\nadmd '{quoted}' \"{quoted}\"\n"

    assert read(whole).text == whole


# ---------------------------------------------------------------- statements


def test_each_statement_begins_somewhere() -> None:
    """Comments and blank lines begin no statement; a list over lines is one."""
    found = read('# c\n\nlisten on lo\n  admd x # y\ntable t {\n  a\n  b = c\n}\nx = "$y"\nlisten on \\\n  lo\n')

    assert found.expanded is not None
    heads = [found.text[head:].split()[0] for head in found.expanded.heads]
    assert heads == ["listen", "admd", "table", "x", "listen"]


def test_a_list_that_is_never_closed_hides_no_statement() -> None:
    """The next line that begins like a statement is one, so its macros and includes are read."""
    found = read('table t { a\nlisten on lo\nx = "eth0"\nlisten on $x\n')

    assert found.messages == ["1:9 syntax-error: this `{` is never closed"]
    assert found.text.endswith("listen on eth0\n")


def test_a_word_of_a_list_is_no_statement() -> None:
    """A word that is a statement in one dialect is a name in the other one."""
    found = read("table t {\n accept\n via,\n expire\n}\n")

    assert not found.messages
    assert found.expanded is not None
    assert len(found.expanded.heads) == 1


# ---------------------------------------------------------------- size


@pytest.mark.parametrize("line", ["listen on lo # a comment\n", "\n", "x", 'admd "a"\r\n'])
def test_a_file_of_50_megabytes_is_refused(line: str) -> None:
    """One finding, about the file."""
    assert refused(line * (50_000_000 // len(line))) == ["1:1 oversized-text"]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param('"' + "x " * 4000 + '"', id="words"),
        pytest.param('"' + "{}" * 4000 + '"', id="braces"),
        pytest.param('"' + "'x' " * 2000 + '"', id="strings"),
    ],
)
@pytest.mark.parametrize("use", ["$a\n", "admd x $a $a $a\n", "x = $a\n", "$a "])
def test_exploding_macros_are_refused(value: str, use: str) -> None:
    """A long value that is used often, at the reference that was too much."""
    found = refused(f'a = {value}\nx = "1"\nx = "2"\n' + use * 10_000)

    assert "oversized-text" in found[-1]


@pytest.mark.parametrize("text", ["", "\n", "\n\n", "# c", "   ", "\t\n"])
def test_an_empty_file_is_a_text(text: str) -> None:
    """It has no statements, and nothing is wrong with its syntax."""
    found = read(text)

    assert not found.messages
    assert found.expanded is not None
    assert not found.expanded.heads
    assert found.config is not None
    assert not found.config.statements
