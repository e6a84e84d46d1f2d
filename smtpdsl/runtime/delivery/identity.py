"""Become the user in whose name something is done, for good.

    root ──setgroups──setresgid──setresuid──▶ user ──is there a way back?──▶ no: go on

Nothing of the user's is touched before the way back is known to be closed.

Who appends to a mailbox of the system has to make files in the folder of all of them: it
also gets the group of that folder, and then does nothing else, ever.  There, and nowhere
else, root gets its mail as root.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable

from smtpdsl.runtime.delivery.outcomes import permanent, temporary
from smtpdsl.runtime.interfaces import Identity, MailboxWork, Method, Outcome

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


def refuse_other_work(identity: Identity, method: Method) -> None:
    """Raise if *method* is anything but an append to the mailbox of *identity*, which may write to its folder.

    Raises:
        IdentityError: It is.
    """
    path = method.path if isinstance(method, MailboxWork) and method.is_system else ""
    if path != f"{identity.mail_folder}/{identity.name}":
        message = f"{identity.name} may write to {identity.mail_folder} for the sake of a mailbox there alone"
        raise IdentityError(temporary(message))


def become(identity: Identity) -> None:
    """Give up the rights of root for those of *identity*, and make sure that there is no way back.

    Raises:
        IdentityError: It is root, or the process could not become it.
    """
    if identity.uid == _ROOT and identity.mail_folder:
        os.umask(UMASK)
        return
    change_to(identity.name, identity.uid, identity.gid, groups_of(identity))


def change_to(name: str, uid: int, gid: int, groups: list[int]) -> None:
    """Give up the rights of root for those of the user *name*, and make sure that there is no way back.

    Raises:
        IdentityError: It is root, or the process could not become it.
    """
    refuse_root(name, uid)
    who = f"{name} ({uid}:{gid})"
    try:
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except (OSError, OverflowError) as error:
        raise _failed(who, str(error)) from None
    _verify(who, uid, gid, groups)
    os.umask(UMASK)


def groups_of(identity: Identity) -> list[int]:
    """List the groups of *identity*: those of the account of its name, if that is the same user, else its own alone.

    A userbase may call somebody ``mail`` or ``www`` who is not that account.
    """
    of_folder = _groups_that_write(identity.mail_folder) if identity.mail_folder else []
    try:
        account = pwd.getpwnam(identity.name)
    except (KeyError, ValueError):
        return [identity.gid, *of_folder]
    if account.pw_uid != identity.uid:
        return [identity.gid, *of_folder]
    return [*os.getgrouplist(identity.name, identity.gid), *of_folder]


def _groups_that_write(folder: str) -> list[int]:
    """Return the group that may make files in *folder*, which is root's, unless everybody may."""
    try:
        status = os.stat(folder)  # noqa: PTH116 - no path is built
    except (OSError, ValueError):
        return []
    is_shared = bool(status.st_mode & stat.S_IWGRP) and not status.st_mode & stat.S_IWOTH
    is_roots = stat.S_ISDIR(status.st_mode) and status.st_uid == _ROOT
    return [status.st_gid] if is_roots and is_shared and status.st_gid != _ROOT else []


def _verify(who: str, uid: int, gid: int, groups: list[int]) -> None:
    """Raise unless this process is that user and nobody else, and stays it."""
    if os.getresuid() != (uid,) * 3 or os.getresgid() != (gid,) * 3:
        raise _failed(who, "it has other user or group numbers")
    if not set(os.getgroups()) <= {*groups, gid}:
        raise _failed(who, "it has other groups")
    if _succeeds(os.setuid) or (gid != _ROOT and _succeeds(os.setgid)):
        raise _failed(who, "it could become root again")


def _succeeds(become_root: Callable[[int], None]) -> bool:
    try:
        become_root(_ROOT)
    except OSError:
        return False
    return True


def _failed(who: str, reason: str) -> IdentityError:
    return IdentityError(temporary(f"cannot work as {who}: {reason}"))
