"""The regular expressions of the language."""

from __future__ import annotations

import ctypes
import platform
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smtpdsl.ir.matching import fold
from smtpdsl.ir.regex import Regex, RegexError, compile_regex, python_search, re2_search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ATOMS = [
    *("a", "b", "A", "1", "@", "-", ".", r"\.", r"\w", r"\W", r"\S", r"\b", r"\<", r"\>", "^", "$", "(", ")", "|"),
    *("*", "+", "?", "{2}", "{1,2}", "{0,1}", "{,2}", "{1,}", "[ab]", "[^a]", "[A-B]", "[[:alpha:]]", "[^[:upper:]1]"),
    *("[]a]", "[^]a]", "[a-]", "[.-@]", "[[:digit:]@]", "[[=a=]]", "[[.-.]]", "(a|", "|b)", "(1)", r"\1"),
]
patterns = st.lists(st.sampled_from(ATOMS), max_size=7).map("".join)
texts = st.text("abAB1@.-] ", max_size=6)


def usable(pattern: str) -> Regex | None:
    """Read *pattern*; None if it is refused."""
    try:
        return compile_regex(pattern)
    except RegexError:
        return None


class _Posix:
    """regcomp(3) and regexec(3) of the C library."""

    EXTENDED_IGNORING_CASE = 1 | 2

    def __init__(self) -> None:
        self.library = ctypes.CDLL(None)

    def search(self, pattern: str) -> Iterator[Callable[[str], bool]]:
        """Yield what searches for *pattern*, and free it afterwards; nothing if it is refused."""
        # Larger than regex_t is anywhere.
        compiled = ctypes.create_string_buffer(1024)
        if self.library.regcomp(compiled, pattern.encode(), self.EXTENDED_IGNORING_CASE):
            return
        try:
            yield lambda text: self.library.regexec(compiled, text.encode(), 0, None, 0) == 0
        finally:
            self.library.regfree(compiled)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the atoms are those that glibc has")
@given(pattern=patterns, texts=st.lists(texts, min_size=5, max_size=10))
@example(pattern="a+?", texts=["", "a", "b"])
@example(pattern="^(a{2}){2}+$", texts=["aaaa", "aaaaaaaa", "aaaaaa"])
@example(pattern="(a|b)\\1", texts=["ab", "bb"])
def test_what_posix_defines_means_what_it_means_there(pattern: str, texts: list[str]) -> None:
    """What the C library understands finds the same here, but for a ")" without "(", which glibc alone takes."""
    for posix_matches in _Posix().search(pattern):
        regex = usable(pattern)
        if regex is None:
            with pytest.raises(RegexError, match=r'expected no "\)"'):
                compile_regex(pattern)
            continue
        for text in texts:
            assert regex.matches(text) == posix_matches(text)


@given(pattern=patterns, text=texts)
def test_the_case_of_letters_never_matters(pattern: str, text: str) -> None:
    """A pattern is used as written, but finds letters of either case."""
    regex = usable(pattern)

    assert regex is None or regex.matches(text.upper()) == regex.matches(text.lower())


@given(pattern=st.text(max_size=20) | patterns, text=st.text(max_size=10))
@example(pattern="[" + "".join(map(chr, range(32, 127))) + "]", text="x")
@example(pattern="(" * 200 + ")" * 200, text="")
@example(pattern="a" + "{2}" * 500, text="")
@example(pattern="a{" + "9" * 5000 + "}", text="")
@example(pattern="((a{32767}){32767}){32767}", text="a")
def test_every_pattern_works_or_says_what_is_wrong(pattern: str, text: str) -> None:
    """Nothing but `RegexError` is raised, it points into the pattern, and what is read can be searched for."""
    try:
        regex = compile_regex(pattern)
    except RegexError as error:
        assert 0 <= error.start < error.end <= len(pattern)  # noqa: PT017 - some patterns raise, some do not
    else:
        assert regex.matches(text) in {True, False}


@given(pattern=patterns, text=texts | st.text(max_size=10))
def test_both_engines_find_the_same(pattern: str, text: str) -> None:
    """Whether RE2 is installed changes the time of a search, not its answer."""
    pytest.importorskip("re2", reason="the extra `re2` is not installed")
    if usable(pattern) is None:
        return
    search = re2_search(pattern)

    assert search is None or search(fold(text)) == python_search(pattern)(fold(text))


@pytest.mark.parametrize(
    ("pattern", "found", "not_found"),
    [
        ("example", ["my.example.org", "EXAMPLE"], ["exampl"]),
        ("(?i)example", ["EXAMPLE"], ["(?i)"]),
        ("^mx[0-9]+$", ["mx1", "MX22"], ["mx", "amx1", "mx1\n"]),
        ("^[A-Z]+$", ["abc"], ["1"]),
        ("^[a-Z]+$", ["abc"], ["_"]),
        (r"^\S+$", ["abc"], ["a b"]),
        (r"^[^\s@]+@[\w.]+$", ["joe@mx_1.example"], ["joe smith@x", "joe@x-y"]),
        (r"^\d+[\d.]*$", ["10.1"], ["d", "."]),
        (r"^[\D]$", ["x"], ["1"]),
        (r"^[.-\w]+$", ["a-b.c"], ["a/b"]),
        (r"^[a\.]$", ["."], ["\\"]),
        (r"^[\]]$", ["]"], ["\\"]),
        (r"^[a\]$", ["\\", "a"], ["]"]),
        (r"^[\\]$", ["\\"], ["]"]),
        (r"^[\x]$", ["\\", "x"], ["y"]),
        (r"^a\tb\.$", ["a\tb."], ["atb."]),
        (r"^a{$|^{}|^a{,}$", ["a{", "{}x", "a{,}"], ["a"]),
        (r"\bdyn\b", ["a.dyn.b"], ["dynamic"]),
        (r"[[:<:]]dyn[[:>:]]", ["a.dyn.b"], ["dynamic"]),
        (r"\`dyn\'", ["dyn"], ["dyn.b"]),
        (r"^(.)\10$", ["aa0"], ["a0"]),
        ("a||b", [""], []),
        ("()", [""], []),
        ("^É[À-Ö]$", ["éà", "ÉÖ"], ["e"]),
        ("k", ["K"], ["\u212a"]),
        ("^[[:alpha:]]$", ["x"], ["é", "1"]),
        (".", ["\n", "é"], [""]),
    ],
)
def test_expressions_mean_what_people_mean(pattern: str, found: list[str], not_found: list[str]) -> None:
    """POSIX, with what GNU and habit add to it, ignoring case."""
    regex = compile_regex(pattern)

    assert [text for text in found if not regex.matches(text)] == []
    assert [text for text in not_found if regex.matches(text)] == []


@pytest.mark.parametrize(
    ("pattern", "start", "message", "advice"),
    [
        ("(a|b", 0, 'expected ")" for the "("', r"write `\(` for the character"),
        ("((a)", 0, 'expected ")" for the "("', r"write `\(` for the character"),
        ("a)", 1, 'expected no ")"', r"write `\)` for the character"),
        ("x[a-z", 1, 'expected "]" for the "["', r"write `\[` for the character"),
        ("[]", 0, 'expected "]" for the "["', r"write `\[` for the character"),
        ("[z-a]", 1, 'found "z-a"', ""),
        ("[[:alpah:]]", 1, 'no class of characters is named "alpah"', 'write "[:alpha:]"'),
        ("[[:x:]]", 1, 'no class of characters is named "x"', "use one of alnum"),
        ("[[:alpha]", 1, 'expected ":]"', ""),
        ("[[.space.]]", 1, 'expected one character, found "space"', ""),
        ("a{2", 1, 'expected "}"', r"write `\{` for the character"),
        ("a{2,x}", 1, 'expected "}"', r"write `\{` for the character"),
        ("a{3,1}", 1, "the smaller number of an interval first, found 3,1", ""),
        ("a{99999}", 1, "at most 32767 repeats", ""),
        ("*@example.org", 0, '"*" has nothing to repeat: nothing stands before it', "write `.*` for any text"),
        ("a|*", 2, '"*" has nothing to repeat', "write `.*` for any text"),
        ("(+)", 1, '"+" has nothing to repeat', r"write `\+` for the character"),
        ("^*@example.org", 1, '"^" is a place', "write `.*` for any text"),
        (r"\b+", 2, "is a place", r"write `\+` for the character"),
        ("(?:a)", 0, '"(?" has no meaning', "write `(` alone, or `(?i)` at the start"),
        ("a(?i)", 1, '"(?" has no meaning', "write `(` alone, or `(?i)` at the start"),
        (r"\p{L}", 0, 'p" has no meaning', 'write "p" for the character'),
        ("a\\", 1, "expected a character after the backslash", r"write `\\` for a backslash"),
        (r"(a\1)", 2, "expected a group before", ""),
        ("(" * 51, 50, "nested at most 50 deep", ""),
    ],
)
def test_what_is_wrong_with_an_expression_is_taught(pattern: str, start: int, message: str, advice: str) -> None:
    """The error says what was expected and where, and how the character itself is written."""
    with pytest.raises(RegexError) as caught:
        compile_regex(pattern)

    assert message in caught.value.message
    assert caught.value.start == start
    assert caught.value.help.startswith(advice)
    assert bool(caught.value.help) == bool(advice)


def test_expressions_are_values() -> None:
    """Two that are written the same are equal."""
    assert compile_regex("a+") == compile_regex("a+")
    assert compile_regex("a+") != compile_regex("aa*")
