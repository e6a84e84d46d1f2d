"""A server that is started as root gives that up before it talks to anybody.

    root: listens, reads keys ──▶ spool to the account ──▶ setgroups, setresgid, setresuid ──▶ no way back

What needs root afterwards is done by another process (`supervisor.forker`), which was started
before, and does only what its charter has.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import stat
import sys
from pathlib import Path

from smtpdsl.ir.members import Account
from smtpdsl.runtime.delivery.identity import IdentityError, change_to
from smtpdsl.runtime.late_imports import CODECS, OF_SERVER, import_late
from smtpdsl.runtime.own_account import NAMES
from smtpdsl.runtime.queue.folder import SpoolError, claim_spool
from smtpdsl.runtime.system_account import system_account

# For a test bed only: other programs run as this one, and what belongs to it belongs to all of them.
_TEST_BED_ACCOUNT = "nobody"
_COMMAND = (
    "useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin " + NAMES[0]
)

# The numbers that prctl(2) and capset(2) have on Linux.
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 4, 38, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522


class PrivilegeError(Exception):
    """Root cannot be given up; the text is one sentence that says what to do."""


def service_account(name: str | None, *, is_test_bed: bool) -> Account:
    """Return as whom to talk to the network: *name*, or else the first of `NAMES` that this system has.

    Raises:
        PrivilegeError: There is none, or it is root's.
    """
    if name is not None:
        account = _account(name)
        if account is None:
            message = f'there is no account "{name}"'
            raise PrivilegeError(message)
        return account
    names = (*NAMES, _TEST_BED_ACCOUNT) if is_test_bed else NAMES
    account = next(filter(None, map(_account, names)), None)
    if account is None:
        message = (
            "root does not talk to the network, and there is no account for that: "
            f"make one with `{_COMMAND}`, or name another one with --user"
        )
        raise PrivilegeError(message)
    return account


def _account(name: str) -> Account | None:
    account = system_account(name)
    if account is not None and not (account.uid and account.gid):
        message = f'the account "{name}" has rights of root (it is {account.uid}:{account.gid})'
        raise PrivilegeError(message)
    return account


# ---------------------------------------------------------------- the spool


def hand_over_spool(path: str, account: Account) -> None:
    """Make the spool *path*, and let it and everything in it belong to *account*.

    Raises:
        SpoolError: It is in use, cannot be made, or belongs to somebody else.
    """
    spool = Path(path)
    claim_spool(spool).release()
    owner = spool.stat().st_uid
    if owner == account.uid:
        # Nothing in there is touched: what somebody else has put there would be given away.
        return
    if owner != os.geteuid():
        message = (
            f"the spool {path} belongs to {_shown(owner)}, and the server runs as {account.name}: "
            f"`chown -R {account.name} {path}` hands it over"
        )
        raise SpoolError(message)
    try:
        _give(spool, account)
    except OSError as error:
        raise SpoolError.of(spool, error) from None


def _give(folder: Path, account: Account) -> None:
    """Give *folder* away after what is in it, so that nobody else is there before the end."""
    for entry in os.scandir(folder):
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            _give(Path(entry.path), account)
        elif stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            os.chown(entry.path, account.uid, account.gid, follow_symlinks=False)
    os.chown(folder, account.uid, account.gid, follow_symlinks=False)


def _shown(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user number {uid}"


# ---------------------------------------------------------------- the end of root


def give_up_root(account: Account) -> None:
    """Become *account*, for good: no group, no capability and no program gives anything back.

    Threads that exist already keep their capabilities, so there should be none.  What Python loads
    when it is first needed is loaded now: it may lie where only root gets to.

    Raises:
        PrivilegeError: Something of root is left.
    """
    import_late((*CODECS, *OF_SERVER))
    try:
        change_to(account.name, account.uid, account.gid, [])
        if sys.platform == "linux":
            _give_up_capabilities()
    except (IdentityError, OSError) as error:
        message = f"cannot give up root: {error}"
        raise PrivilegeError(message) from None


def _give_up_capabilities() -> None:
    """Forget every capability, and the ways to get one; no other process of the account may look into this one."""
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Two words each of effective, permitted and inheritable ones.
    sets = (ctypes.c_uint32 * 6)()
    _call(libc.capset(header, sets))
    _call(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _call(libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))
    _call(libc.capget(header, sets))
    if any(sets):
        message = "capabilities are left"
        raise OSError(message)


def _call(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
