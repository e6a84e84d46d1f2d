"""A small file of this system that is read again whenever it is another one."""

from __future__ import annotations

from pathlib import Path


class ChangingFile:
    """A text file; while it cannot be read it counts as unchanged."""

    def __init__(self, path: str) -> None:
        """Read nothing yet."""
        self._path = Path(path)
        self._version: tuple[int, int, int] | None = None

    def news(self) -> str | None:
        """Return the text, if nobody was told it yet."""
        try:
            facts = self._path.stat()
            version = facts.st_mtime_ns, facts.st_size, facts.st_ino
            if version == self._version:
                return None
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        self._version = version
        return text
