"""The account that the server runs as, which has no rights that anybody could want.

    aliases:  log: "|logger -t mail"       the command runs as this account
              all: /var/log/mail-archive   the file is written by it

A server that root starts becomes the first of `NAMES` that there is, unless it is told another one.
"""

from __future__ import annotations

import os
import pwd

from smtpdsl.ir.members import Account

# Its own, that of a package of it, and those of the server whose configuration it reads: what root becomes.
NAMES = ("_smtpdsl", "smtpdsl", "_smtpd", "smtpd", "opensmtpd")
_ROOT = 0


def own_account() -> Account | None:
    """Return the account of this process; None if it is root, which does nothing that an alias names."""
    uid = os.geteuid()
    return account_of(uid) if uid != _ROOT else None


def account_of(uid: int) -> Account:
    """Return the account with the number *uid*; one that the system does not know, as in containers, has no home."""
    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return Account(name=str(uid), uid=uid, gid=os.getegid(), home="")
    return Account(name=found.pw_name, uid=uid, gid=found.pw_gid, home=found.pw_dir)
