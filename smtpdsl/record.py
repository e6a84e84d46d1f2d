"""Frozen values that are cheap to define.

A frozen, slotted dataclass costs over a millisecond at import because its methods
are compiled one by one; the trees of the compiler have more than a hundred types,
and `smtpdsl check` must answer at once.  A `Record` has the same surface (keyword
construction, defaults, equality, hash, `match` by keyword) from shared methods.

    class Point(Record):
        x: int
        y: int = 0

    Point(x=1) == Point(x=1, y=0)

The few types that a server makes by the thousand get methods of their own after all, once
they have been used so often that it pays.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar, Self, dataclass_transform

_MISSING = object()

# To compile the methods of a type takes as long as to make, or to hash, so many of its values the slow way.
_WORTHWHILE = 256
_uses: Counter[type] = Counter()
_COMPILED = ("__init__", "__eq__", "__hash__", "replace")


@dataclass_transform(frozen_default=True, kw_only_default=True)
class _RecordType(type):
    """Turn the annotations of a class body into slots, defaults and a field list."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> _RecordType:
        own = [
            field
            for field, annotation in namespace.get("__annotations__", {}).items()
            if not str(annotation).startswith("ClassVar")
        ]
        defaults = {field: namespace.pop(field) for field in own if field in namespace}
        fields: dict[str, Any] = {}
        ignored: frozenset[str] = frozenset()
        for base in reversed(bases):
            fields |= getattr(base, "_fields", {})
            ignored = getattr(base, "_uncompared", ignored)
        fields |= {field: defaults.get(field, _MISSING) for field in own}
        namespace["__slots__"] = tuple(own)
        namespace["_fields"] = fields
        namespace["__match_args__"] = tuple(fields)
        ignored = namespace.get("_uncompared", ignored)
        namespace["_compared"] = tuple(field for field in fields if field not in ignored)
        if bases:
            # Its own, or it would get those that were compiled for a type above it, whose fields are others.
            for method in _COMPILED:
                namespace.setdefault(method, getattr(Record, method))
        return super().__new__(mcs, name, bases, namespace)


class Record(metaclass=_RecordType):
    """A frozen value: its annotations are its fields, given by keyword."""

    _fields: ClassVar[dict[str, Any]]
    _compared: ClassVar[tuple[str, ...]]
    # Fields that say where a value came from and are no part of what it means.
    _uncompared: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - the fields' own types are checked statically
        """Set every field; TypeError for one that is missing or unknown."""
        put = object.__setattr__
        for field, default in self._fields.items():
            value = values.pop(field, default)
            if value is _MISSING:
                message = f"{type(self).__name__} needs {field}"
                raise TypeError(message)
            put(self, field, value)
        if values:
            message = f"{type(self).__name__} has no field {', '.join(values)}"
            raise TypeError(message)
        _note_use(type(self))

    def __setattr__(self, name: str, value: object) -> None:
        message = f"{type(self).__name__} is frozen"
        raise AttributeError(message)

    def __delattr__(self, name: str) -> None:
        message = f"{type(self).__name__} is frozen"
        raise AttributeError(message)

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in self._compared)

    def __hash__(self) -> int:
        # Of some few values are made, and they are looked up without end.
        _note_use(type(self))
        return hash((type(self), *(getattr(self, field) for field in self._compared)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{field}={getattr(self, field)!r}" for field in self._compared)
        return f"{type(self).__name__}({shown})"

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - as in __init__
        """Return the same value with *changes*."""
        values = {field: getattr(self, field) for field in self._fields}
        return type(self)(**(values | changes))


def _note_use(record: type[Record]) -> None:
    _uses[record] += 1
    if _uses[record] == _WORTHWHILE:
        _compile_methods(record)


def _compile_methods(record: type[Record]) -> None:
    """Give *record* methods of its own, three times as fast; one that it wrote stays.

    def __init__(self, *, x, y=default_y):
        set_x(self, x)
        set_y(self, y)

    def __hash__(self):
        return hash((record, self.x, self.y))
    """
    fields = record._fields
    names: dict[str, Any] = {"new": record.__new__, "record": record, "missing": _MISSING}
    for field, default in fields.items():
        # What the descriptor of a slot sets, `__setattr__` need not know of.
        names[f"set_{field}"] = getattr(record, field).__set__
        names[f"default_{field}"] = default
    given = ", ".join(each if fields[each] is _MISSING else f"{each}=default_{each}" for each in fields)
    changed = ", ".join(f"{each}=missing" for each in fields)
    compared = record._compared  # noqa: SLF001 - its own type
    same = " and ".join(f"self.{each} == other.{each}" for each in compared)
    lines = [
        f"def __init__(self, *, {given}):" if fields else "def __init__(self):",
        *(f"    set_{each}(self, {each})" for each in fields),
        "    pass",
        f"def replace(self, *, {changed}):" if fields else "def replace(self):",
        "    other = new(record)",
        *(f"    set_{each}(other, self.{each} if {each} is missing else {each})" for each in fields),
        "    return other",
        "def __eq__(self, other):",
        f"    return {same or True} if type(other) is record else NotImplemented",
        "def __hash__(self):",
        f"    return hash(({', '.join(['record', *(f'self.{each}' for each in compared)])},))",
    ]
    exec("\n".join(lines), names)  # noqa: S102 - names of fields, as a dataclass does it
    for method in _COMPILED:
        if record.__dict__[method] is Record.__dict__[method]:
            setattr(record, method, names[method])
