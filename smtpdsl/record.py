"""Frozen values that are cheap to define.

A frozen, slotted dataclass costs over a millisecond at import because its methods
are compiled one by one; the trees of the compiler have more than a hundred types,
and `smtpdsl check` must answer at once.  A `Record` has the same surface (keyword
construction, defaults, equality, hash, `match` by keyword) from shared methods.

    class Point(Record):
        x: int
        y: int = 0

    Point(x=1) == Point(x=1, y=0)
"""

from __future__ import annotations

from typing import Any, ClassVar, Self, dataclass_transform

_MISSING = object()


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
        return hash((type(self), *(getattr(self, field) for field in self._compared)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{field}={getattr(self, field)!r}" for field in self._compared)
        return f"{type(self).__name__}({shown})"

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - as in __init__
        """Return the same value with *changes*."""
        values = {field: getattr(self, field) for field in self._fields}
        return type(self)(**(values | changes))
