"""Become the user in whose name something is done, for good.

    root ──setgroups──setresgid──setresuid──▶ user ──is there a way back?──▶ no: go on

Nothing of the user's is touched before the way back is known to be closed.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable

from smtpdsl.runtime.delivery.outcomes import permanent, temporary
from smtpdsl.runtime.interfaces import Identity, Outcome

_ROOT = 0
# What a user's programs and files get: nobody else may look at mail.
UMASK = 0o077


class IdentityError(Exception):
    """The process is not who it should be, and must not go on; `outcome` says what becomes of the work."""

    def __init__(self, outcome: Outcome) -> None:
        """Keep *outcome*."""
        super().__init__(outcome.text)
        self.outcome = outcome


def refuse_root(who: str, uid: int) -> None:
    """Raise if *uid*, that of *who*, is root's: nothing is delivered as root.

    Raises:
        IdentityError: It is, and always will be.
    """
    if uid == _ROOT:
        message = f"{who} has user number 0, and nothing is delivered as that"
        raise IdentityError(permanent(message, status="5.7.0", meaning="permission denied"))


def become(identity: Identity) -> None:
    """Give up the rights of root for those of *identity*, and make sure that there is no way back.

    Raises:
        IdentityError: It is root, or the process could not become it.
    """
    refuse_root(identity.name, identity.uid)
    try:
        groups = groups_of(identity)
        os.setgroups(groups)
        os.setresgid(identity.gid, identity.gid, identity.gid)
        os.setresuid(identity.uid, identity.uid, identity.uid)
    except (OSError, OverflowError) as error:
        raise _failed(identity, str(error)) from None
    _verify(identity, groups)
    os.umask(UMASK)


def groups_of(identity: Identity) -> list[int]:
    """List the groups of *identity*: those of the account of its name, if that is the same user, else its own alone.

    A userbase may call somebody ``mail`` or ``www`` who is not that account.
    """
    try:
        account = pwd.getpwnam(identity.name)
    except (KeyError, ValueError):
        return [identity.gid]
    if account.pw_uid != identity.uid:
        return [identity.gid]
    return os.getgrouplist(identity.name, identity.gid)


def _verify(identity: Identity, groups: list[int]) -> None:
    """Raise unless this process is *identity* and nobody else, and stays it."""
    if os.getresuid() != (identity.uid,) * 3 or os.getresgid() != (identity.gid,) * 3:
        raise _failed(identity, "it has other user or group numbers")
    if not set(os.getgroups()) <= {*groups, identity.gid}:
        raise _failed(identity, "it has other groups")
    if _succeeds(os.setuid) or (identity.gid != _ROOT and _succeeds(os.setgid)):
        raise _failed(identity, "it could become root again")


def _succeeds(become_root: Callable[[int], None]) -> bool:
    try:
        become_root(_ROOT)
    except OSError:
        return False
    return True


def _failed(identity: Identity, reason: str) -> IdentityError:
    return IdentityError(temporary(f"cannot work as {identity.name} ({identity.uid}:{identity.gid}): {reason}"))
