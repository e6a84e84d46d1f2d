"""What a client keeps in mind of one server from session to session: what it offers and does not do.

S: 250 CHUNKING      C: BDAT 512 LAST      S: 500 what?      ──▶ breaks_chunks; the next message goes by DATA
"""

from __future__ import annotations


class Habits:
    """Those of one server; nothing is held against one that is new."""

    __slots__ = ("breaks_chunks",)

    def __init__(self) -> None:
        """Believe what it offers."""
        # Something in front of it reads along, and does not know BDAT.
        self.breaks_chunks = False
