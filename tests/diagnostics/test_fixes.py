"""Fixes put into the texts they are about."""

from __future__ import annotations

from itertools import pairwise
from textwrap import dedent

from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.diagnostics.diagnostic import Diagnostic, Edit, Fix
from smtpdsl.diagnostics.fixes import Change, apply_fixes, unified_diff
from smtpdsl.diagnostics.span import Passage, Piece, Source, SourceMap, Span
from tests.diagnostics.samples import DOUBT, at, with_macro

TEXT = Source("smtpd.conf", "one two three\n")


def mending(*edits: Edit, safe: bool = True) -> Diagnostic:
    """Build a finding at the first of *edits* that these would mend."""
    return DOUBT.at(edits[0].span, f"m{edits}", fix=Fix(edits=edits, safe=safe))


def after(*found: Diagnostic) -> list[str]:
    """Return the new texts of the files that the safe fixes of *found* change."""
    return [change.after for change in apply_fixes(found).changes]


def test_a_safe_fix_is_applied() -> None:
    """The result has the old text and the new one, and says what is mended."""
    found = mending(Edit(at(TEXT, "two"), "2"))

    result = apply_fixes([found])

    assert result.changes == (Change("smtpd.conf", "one two three\n", "one 2 three\n"),)
    assert (result.applied, result.left) == ((found,), ())


def test_an_unsafe_fix_is_applied_only_on_demand() -> None:
    """What may change the meaning is not done unseen."""
    found = mending(Edit(at(TEXT, "two"), "2"), safe=False)

    assert apply_fixes([found]).changes == ()
    assert [change.after for change in apply_fixes([found], unsafe=True).changes] == ["one 2 three\n"]


def test_of_overlapping_fixes_the_first_wins() -> None:
    """The other one waits for the next round, all of it."""
    first = mending(Edit(at(TEXT, "one two"), "1 2"))
    second = mending(Edit(at(TEXT, "two"), "2"), Edit(at(TEXT, "three"), "3"))

    result = apply_fixes([second, first])

    assert result.changes[0].after == "1 2 three\n"
    assert (result.applied, result.left) == ((first,), (second,))


def test_neighbours_do_not_overlap() -> None:
    """One edit may begin where another ends, and an insertion may stand between."""
    found = [
        mending(Edit(at(TEXT, "one"), "1")),
        mending(Edit(Span(TEXT, 3, 3), ",")),
        mending(Edit(at(TEXT, " two"), " 2")),
    ]

    assert after(*found) == ["1, 2 three\n"]


def test_an_insertion_inside_replaced_text_has_to_wait() -> None:
    """Nobody knows whether it is still wanted there."""
    result = apply_fixes([mending(Edit(at(TEXT, "one"), "1")), mending(Edit(Span(TEXT, 1, 1), "x"))])

    assert result.changes[0].after == "1 two three\n"
    assert len(result.left) == 1


def test_insertions_at_one_place_keep_their_order() -> None:
    """Those of one fix and those of several, whatever files came between."""
    other = Source("other.conf", "x")
    start, end = Span(TEXT, 0, 0), Span(other, 1, 1)
    found = [
        mending(Edit(start, "d"), Edit(end, "1")),
        mending(Edit(start, "c"), Edit(start, "b"), Edit(end, "0")),
        mending(Edit(start, "a")),
    ]

    assert after(*found) == ["dcbaone two three\n", "x10"]


def test_the_same_insertion_is_not_made_twice_in_one_round() -> None:
    """Two findings with one cause are mended by one insertion; the next round shows whether both are wanted."""
    place = Span(TEXT, 3, 3)

    result = apply_fixes([mending(Edit(place, " auth")), mending(Edit(place, " auth"), Edit(at(TEXT, "three"), "3"))])

    assert result.changes[0].after == "one auth two three\n"
    assert len(result.left) == 1


def test_a_fix_that_contradicts_itself_is_not_applied() -> None:
    """Its edits overlap each other."""
    result = apply_fixes([mending(Edit(at(TEXT, "one two"), "1"), Edit(at(TEXT, "two"), "2"))])

    assert result.changes == ()
    assert len(result.left) == 1


def test_a_fix_that_changes_nothing_is_passed_over() -> None:
    """It would be applied again in every round."""
    result = apply_fixes([mending(Edit(at(TEXT, "two"), "two"))])

    assert (result.changes, result.applied, result.left) == ((), (), ())


def test_text_beside_a_macro_is_mended_in_the_file() -> None:
    """The edit is found in the expanded text, and made where it was written."""
    written, expanded = with_macro()

    assert apply_fixes([mending(Edit(at(expanded, "25"), "587"))]).changes == (
        Change("smtpd.conf", written.text, written.text.replace("25", "587")),
    )


def test_text_out_of_a_macro_is_left_alone() -> None:
    """The value belongs to every use of the macro, and the reference stands for all of the value."""
    _, expanded = with_macro()

    assert after(mending(Edit(at(expanded, "lo0"), "lo"))) == []
    assert after(mending(Edit(at(expanded, "on lo0 port"), "on lo port"))) == []


def test_a_macro_spelt_like_its_value_is_left_alone() -> None:
    """What comes out of a macro is not the author's text, even where the two look the same."""
    written = Source("smtpd.conf", 'x = "$x"\nlisten on $x\n')
    value = Passage(at(written, "$x"), "in the value of macro `x`")
    expanded = Source("smtpd.conf", "$x", SourceMap([Piece(0, at(written, "$x", 1), linear=False, value=value)]))

    assert after(mending(Edit(at(expanded, "$x"), "lo"))) == []


def included() -> tuple[Source, Source, Source]:
    """Return a file, one that it includes, and the two as one text."""
    outer = Source("smtpd.conf", 'include "inner.conf"\nlisten on lo\n')
    inner = Source("inner.conf", "table a \\\n file:/a\n")
    pieces = [
        Piece(0, at(inner, "table a ")),
        Piece(8, at(inner, " file:/a\n")),
        Piece(17, at(outer, "listen on lo\n")),
    ]
    return outer, inner, Source("smtpd.conf", "table a  file:/a\nlisten on lo\n", SourceMap(pieces))


def test_an_included_file_is_mended_itself() -> None:
    """Joined lines are replaced as a whole."""
    _, inner, text = included()

    assert apply_fixes([mending(Edit(at(text, "a  file:/a"), "b file:/b"))]).changes == (
        Change("inner.conf", inner.text, "table b file:/b\n"),
    )


def test_text_across_files_is_left_alone() -> None:
    """No single place in a file is the text that should be replaced."""
    _, _, text = included()

    assert after(mending(Edit(at(text, "/a\nlisten"), ""))) == []


def test_a_file_included_twice_is_mended_once() -> None:
    """Its second source has the same places, so the second finding is the first one again."""
    fixes = [Fix.replacing(Span(Source("inner.conf", "a b"), 2, 3), "c", safe=True) for _ in range(2)]

    assert after(*(DOUBT.at(fix.edits[0].span, "m", fix=fix) for fix in fixes)) == ["a c"]


def test_two_texts_under_one_name_are_not_mixed() -> None:
    """A file that changed while it was read is not mended from two states."""
    states = [Source("inner.conf", text) for text in ("a b", "a b c")]

    result = apply_fixes([mending(Edit(at(states[0], "a"), "1")), mending(Edit(at(states[1], "c"), "3"))])

    assert [change.after for change in result.changes] == ["1 b"]
    assert len(result.left) == 1


@st.composite
def disjoint_edits(draw: st.DrawFn) -> list[Edit]:
    """Draw edits of one text that share no character and begin at different places."""
    source = Source("t", draw(st.text(alphabet="ab\n", max_size=40)))
    cuts = sorted(draw(st.sets(st.integers(0, len(source.text)), max_size=12)))
    chosen = [ends for ends in pairwise(cuts) if draw(st.booleans())]
    spans = [Span(source, start, draw(st.sampled_from((start, end)))) for start, end in chosen]
    return [Edit(span, draw(st.text(alphabet="xy\n", max_size=4))) for span in spans]


@given(edits=disjoint_edits(), data=st.data())
def test_disjoint_edits_give_the_obvious_result(edits: list[Edit], data: st.DataObject) -> None:
    """However they are spread over fixes, it is as if each was made by itself, from the end to the beginning."""
    shuffled = data.draw(st.permutations(edits))
    split = data.draw(st.integers(0, len(edits)))
    found = [mending(*group) for group in (shuffled[:split], *([edit] for edit in shuffled[split:])) if group]
    expected = edits[0].span.source.text if edits else ""
    for span, replacement in reversed(edits):
        expected = expected[: span.start] + replacement + expected[span.end :]

    result = apply_fixes(found)

    changed = any(span.text != replacement for span, replacement in edits)
    assert [change.after for change in result.changes] == ([expected] if changed else [])
    assert result.left == ()


def test_the_difference_can_be_read_by_patch() -> None:
    """A line without an end says so, and characters that end lines elsewhere do not."""
    changes = [Change("smtpd.conf", "one\r\ntwo\x0cand\nthree", "one\ntwo\x0cand\nthree\n"), Change("same", "x", "x")]

    assert unified_diff(changes) == dedent("""\
        --- smtpd.conf
        +++ smtpd.conf
        @@ -1,3 +1,3 @@
        -one\r
        +one
         two\x0cand
        -three
        \\ No newline at end of file
        +three
        """)
