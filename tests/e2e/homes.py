"""Home directories for deliveries, which as root are made in the name of an unprivileged user."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# Who gets the mail of the tests: no account of the system, and as root not the one who runs them.
UID = os.getuid() or 1000
# Mail that begins its way here gets these fields if it has none; with them it arrives as it was sent.
COMPLETE = b"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@client.example>\r\n"


def make_home(root: Path, name: str = "mail") -> Path:
    """Make a home directory under *root*, and return the inbox that its maildir will have."""
    home = root / "home" / name
    home.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        os.chown(home, UID, UID)
    return home / "Maildir" / "new"


def empty_home(root: Path, name: str = "mail") -> Path:
    """Make a home directory under *root* anew, as for a user who has just come."""
    shutil.rmtree(root / "home" / name, ignore_errors=True)
    return make_home(root, name)


def messages(inbox: Path) -> list[bytes]:
    """Return every message of a maildir."""
    return [each.read_bytes() for each in sorted(inbox.iterdir())] if inbox.is_dir() else []
