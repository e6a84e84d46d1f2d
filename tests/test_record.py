"""Records are values: frozen, equal by what they mean, and cheap to define."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.record import Record

T = TypeVar("T")


class Point(Record):
    """Two numbers."""

    x: int
    y: int = 0


class Place(Point):
    """A point that somebody wrote down somewhere."""

    name: str = ""
    where: object = None

    _uncompared: ClassVar[frozenset[str]] = frozenset({"where"})


class Other(Record):
    """The same fields, another meaning."""

    x: int
    y: int = 0


class Deeper(Place):
    """A place below another one; what is not compared there is not compared here."""

    depth: int = 0


class Box(Record, Generic[T]):
    """Something of any type."""

    content: T


NUMBERS = st.integers(-2, 2)
POINTS = st.builds(Point, x=NUMBERS, y=NUMBERS)
PLACES = st.builds(Place, x=NUMBERS, y=NUMBERS, name=st.sampled_from("ab"), where=st.sampled_from([None, "here"]))
DEEPER = st.builds(Deeper, x=NUMBERS, where=st.sampled_from([None, "here"]), depth=NUMBERS)
RECORDS = POINTS | PLACES | DEEPER | st.builds(Other, x=NUMBERS, y=NUMBERS) | st.builds(Box, content=POINTS)


@given(first=RECORDS, second=RECORDS, third=RECORDS)
def test_equality_is_an_equivalence(first: Record, second: Record, third: Record) -> None:
    """Reflexive, symmetric, transitive; and `!=` is its opposite."""
    assert first == first  # noqa: PLR0124 - the law
    assert (first == second) is (second == first)
    assert (first != second) is not (first == second)
    assert not (first == second and second == third) or first == third


@given(first=RECORDS, second=RECORDS)
def test_equal_records_have_equal_hashes(first: Record, second: Record) -> None:
    """So they are one key of a mapping."""
    assert first != second or hash(first) == hash(second)
    assert len({first, second}) == 1 + (first != second)


@given(record=PLACES | DEEPER, where=st.text())
def test_where_something_stands_is_no_part_of_what_it_means(record: Place, where: str) -> None:
    """Fields that are not compared change neither equality nor hash nor what is shown, subclasses included."""
    moved = record.replace(where=where)

    assert (moved, hash(moved), repr(moved)) == (record, hash(record), repr(record))
    assert moved.where == where


@given(record=POINTS, x=NUMBERS)
def test_replace_changes_one_field(record: Point, x: int) -> None:
    """The other ones, and the record itself, stay as they are."""
    before = (record.x, record.y)

    changed = record.replace(x=x)

    assert (changed.x, changed.y) == (x, record.y)
    assert (record.x, record.y) == before
    assert record.replace() == record


@given(record=RECORDS)
def test_what_is_shown_makes_the_same_record(record: Record) -> None:
    """As long as its fields are numbers, words and records."""
    names = {each.__name__: each for each in (Point, Place, Other, Deeper, Box)}

    assert eval(repr(record), names) == record  # noqa: S307 - of our own text


def test_types_are_part_of_the_value() -> None:
    """A point is no place, though it has its numbers; and no tuple."""
    assert Point(x=1) != Place(x=1)
    assert Point(x=1) != Other(x=1)
    assert Point(x=1) != (1, 0)


def test_defaults_and_inherited_fields() -> None:
    """Fields of the base come first."""
    place = Place(x=1, name="a")

    assert (place.x, place.y, place.name, place.where) == (1, 0, "a", None)
    assert repr(place) == "Place(x=1, y=0, name='a')"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "x"),
        ({"x": 1, "z": 2}, "z"),
        ({"y": 1}, "x"),
    ],
)
def test_wrong_fields_are_refused(arguments: dict[str, int], field: str) -> None:
    """By name, as a dataclass does."""
    with pytest.raises(TypeError, match=rf"\b{field}\b"):
        Point(**arguments)


def test_a_record_cannot_be_changed() -> None:
    """Nor can a field be added or taken away."""
    point = Point(x=1)

    with pytest.raises(AttributeError, match="Point is frozen"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="Point is frozen"):
        del point.x
    with pytest.raises(AttributeError, match="Point is frozen"):
        point.z = 2
    assert not hasattr(point, "__dict__")


def test_records_are_matched_by_field() -> None:
    """As `match` does it with keywords."""
    match Place(x=1, y=2, name="a"):
        case Place(x=1, name=str(name)):
            assert name == "a"
        case _:
            pytest.fail("does not match")


def test_class_variables_are_no_fields() -> None:
    """They are said to be."""
    with pytest.raises(TypeError, match="has no field _uncompared"):
        Place(x=1, _uncompared=frozenset())  # type: ignore[call-arg]


def test_a_type_that_is_used_often_means_the_same() -> None:
    """Its methods are other ones then; those of a type below it are not touched."""

    class Often(Record):
        """Used often."""

        x: int
        y: int = 0
        where: object = None

        _uncompared: ClassVar[frozenset[str]] = frozenset({"where"})

    class Seldom(Often):
        """Used once."""

        z: int = 0

    before = Often(x=1)
    many = [Often(x=number, y=1) for number in range(1000)]
    after = Often(x=1)

    assert (before, hash(before), repr(before)) == (after, hash(after), repr(after))
    assert after.replace(y=2) == Often(x=1, y=2) == before.replace(y=2)
    assert many[999] == Often(y=1, x=999)
    assert (after, hash(after)) == (Often(x=1, where="here"), hash(Often(x=1, where="here")))
    assert Often(x=2) != after != Seldom(x=1)
    assert after != (1, 0)
    assert Seldom(x=1, z=3).replace(x=2) == Seldom(x=2, z=3)
    with pytest.raises(TypeError):
        Often()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Often(x=1, w=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        after.replace(w=2)
    with pytest.raises(AttributeError):
        after.x = 2  # type: ignore[misc]
