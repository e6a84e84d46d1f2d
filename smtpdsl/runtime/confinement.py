"""A process that talks to strangers gives up what it needs no more (landlock(7), Linux 5.13 and later).

    to write      no file may be opened for that, none truncated (Linux 6.2), and no folder changed
    to run        no program
    to read       nothing below the folder that is hidden: the spool, which belongs to the same account
    to disturb    no other process gets a signal from it (Linux 6.12)

What is left to it is what its account may do otherwise: to change modes and times of files, or limits of other
processes of the account.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

# System calls have these numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION, _RULE_PATH_BENEATH = 1, 1
_PR_SET_NO_NEW_PRIVS = 38
# What linux/landlock.h calls LANDLOCK_ACCESS_FS_*: EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, then from REMOVE_DIR to
# MAKE_SYM.
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
# Rights that later versions know: to link or rename between folders (2), and to truncate (3).
_REFER, _TRUNCATE = 1 << 13, 1 << 14
# LANDLOCK_ACCESS_NET_BIND_TCP (4), and both LANDLOCK_SCOPE_* (6).
_BIND_TCP, _SCOPES = 1 << 0, 0b11
_KNOWS_REFER, _KNOWS_TRUNCATE, _KNOWS_NET, _KNOWS_SCOPES = 2, 3, 4, 6


# Of a file beside the spool that may be read; keys and tables are smaller.
_MOST_KEPT_OCTETS = 256 * 1024


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("descriptor", ctypes.c_int32))


def shortcomings() -> str:
    """Return what this system does not let a process give up, as a sentence; nothing if it does."""
    version = _version()
    if version < 1:
        return (
            "this system has no landlock(7): who talks to strangers may do all that its account may, and read the spool"
        )
    if version < _KNOWS_TRUNCATE:
        return "this kernel lets who talks to strangers truncate files of its account, among them the spool"
    return ""


def confine(hidden: str) -> bool:
    """Give all of that up, for good; nothing below the folder *hidden*, which need not exist, can be read.

    What is open stays open.  False if the system cannot do that, and nothing has changed.
    """
    version = _version()
    if version < 1:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    handled = _Ruleset(_files(version), _BIND_TCP, _SCOPES)
    # Older versions know a shorter structure.
    octets = 24 if version >= _KNOWS_SCOPES else 16 if version >= _KNOWS_NET else 8
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(handled), octets, 0)
    if ruleset < 0:
        return False
    try:
        for path, is_folder in _beside(Path(os.path.realpath(hidden))):
            _allow(libc, ruleset, path, _READ_FILE | (_READ_DIR if is_folder else 0))
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _version() -> int:
    """Return which version of landlock there is; none is below 1."""
    if sys.platform != "linux":
        return 0
    return int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION))


def _files(version: int) -> int:
    rights = _EXECUTE | _WRITE_FILE | _READ_FILE | _READ_DIR | _REMOVE_AND_MAKE
    rights |= _REFER if version >= _KNOWS_REFER else 0
    return rights | (_TRUNCATE if version >= _KNOWS_TRUNCATE else 0)


def _beside(hidden: Path) -> Iterator[tuple[str, bool]]:
    """Yield what lies beside the way from the root to *hidden*, and whether it is a folder; no large file.

    Rules allow what is below a path, and take nothing back.  The kernel keeps a file that is removed for as long as
    there is a rule for it, with the room that it takes.
    """
    way = [*reversed(hidden.parents), hidden]
    for folder, kept in pairwise(way):
        with suppress(OSError):
            for entry in os.scandir(folder):
                # Where a link leads to is allowed where it is, or hidden.
                if entry.name == kept.name or entry.is_symlink():
                    continue
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_folder or entry.stat(follow_symlinks=False).st_size <= _MOST_KEPT_OCTETS:
                    yield entry.path, is_folder


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    """Allow *rights* at and below *path*; what cannot be opened stays closed."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if not stat.S_ISLNK(os.fstat(descriptor).st_mode):
                rule = _Beneath(rights, descriptor)
                libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
        finally:
            os.close(descriptor)
