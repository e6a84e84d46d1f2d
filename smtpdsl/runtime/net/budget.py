"""How much memory the octets of all sessions may take.

    what a client sent ahead of our replies ──┐
    mail data on its way to the spool ────────┴──▶ take ▶ … ▶ give

The rest of a session has a size that its limits set, and there is a limit of sessions.
"""

from __future__ import annotations

from smtpdsl.mail.reply import Reply

# Whatever the octets are: what is in memory goes when the session does.
OUT_OF_MEMORY = Reply(code=421, enhanced_status="4.3.1", lines=("Too much mail at once, try again later",))


class Budget:
    """Octets that sessions may hold in memory, all of them together.

        if not budget.take(len(octets)):
            ...                                 # say OUT_OF_MEMORY, and keep nothing
        ...
        budget.give(len(octets))                # when they are written, or thrown away

    Invariant: `0 <= used <= most`.
    """

    __slots__ = ("most", "used")

    def __init__(self, most_octets: int) -> None:
        """Allow *most_octets*."""
        self.most = most_octets
        self.used = 0

    def take(self, octets: int) -> bool:
        """Count *octets* and return True; or return False, and count nothing, if they would be too many."""
        if self.used + octets > self.most:
            return False
        self.used += octets
        return True

    def change(self, octets: int, wanted: int) -> int:
        """Count *wanted* octets in the place of *octets* that were taken.

        Returns:
            What is counted now: *wanted*, or *octets* as before, if the others would be too many.
        """
        if self.used - octets + wanted > self.most and wanted > octets:
            return octets
        self.used += wanted - octets
        return wanted

    def give(self, octets: int) -> None:
        """Count no more *octets* that were taken."""
        assert 0 <= octets <= self.used, "only what was taken can be given back"
        self.used -= octets
