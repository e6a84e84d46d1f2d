"""A password on its way from the wire to the check; nobody can print it by mistake.

repr(Secret(b"correct horse"))  ->  Secret(…)
"""

from __future__ import annotations

from hmac import compare_digest
from typing import NoReturn


class Secret:
    """Octets that only `reveal` shows."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        """Keep *octets*."""
        self._octets = octets

    def reveal(self) -> bytes:
        """Return the octets, for the one place that computes with them."""
        return self._octets

    def __eq__(self, other: object) -> bool:
        return compare_digest(self._octets, other._octets) if isinstance(other, Secret) else NotImplemented

    # A dictionary of passwords is nothing that anybody should want.
    __hash__ = None  # type: ignore[assignment]  # how Python spells "not hashable"

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        message = "a secret is not written down"
        raise TypeError(message)
