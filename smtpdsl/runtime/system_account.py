"""The accounts of this system, or those of a test bed.

"joe"  ──getpwnam──▶ joe:1000:100:/home/joe
       └─below a root that has an etc/passwd, only that file is asked
"""

from __future__ import annotations

import pwd
import time
from collections.abc import Callable
from pathlib import Path

from smtpdsl.ir.members import Account

_ACCOUNTS = "/etc/passwd"
_FIELDS = len(("password", "uid", "gid", "name", "home"))

# So long an account is remembered.  That there is none is not: whoever was just added gets mail.
_SECONDS = 1.0


class RecentAccounts:
    """The accounts that `system_account` finds; a burst of mail for somebody reads the database once a second."""

    def __init__(self, root: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        """Ask the database under *root*; *clock* gives seconds, and only goes forward."""
        self._root = root
        self._clock = clock
        self._found: dict[str, Account] = {}
        self._forgets_at = 0.0

    def find(self, name: str) -> Account | None:
        """Look *name* up."""
        now = self._clock()
        if now >= self._forgets_at:
            self._found.clear()
            self._forgets_at = now + _SECONDS
        found = self._found.get(name)
        if found is None and (found := system_account(name, self._root)) is not None:
            self._found[name] = found
        return found


def system_account(name: str, root: str = "") -> Account | None:
    """Look *name* up in the password database: the one under *root*, if there is one."""
    if root:
        try:
            octets = Path(root + _ACCOUNTS).read_bytes()
        except OSError:
            pass
        else:
            return _account_in(octets.decode("utf-8", "surrogateescape"), name)
    try:
        found = pwd.getpwnam(name)
    except (KeyError, ValueError):
        return None
    return Account(name=found.pw_name, uid=found.pw_uid, gid=found.pw_gid, home=found.pw_dir)


def _account_in(text: str, name: str) -> Account | None:
    """Find *name* in the text of a passwd(5) file."""
    for line in text.split("\n"):
        login, *fields = line.split(":")
        if login == name and len(fields) >= _FIELDS:
            uid, gid, home = fields[1], fields[2], fields[4]
            if uid.isdecimal() and gid.isdecimal():
                return Account(name=login, uid=int(uid), gid=int(gid), home=home)
    return None
