"""Accounts that exist for a server in namespaces of its own, and for nobody else."""

from __future__ import annotations

import grp
import os
import pwd
from itertools import count
from pathlib import Path


class Accounts:
    """The system's accounts, and some more with a group each; `binds` says where their files have to be mounted."""

    def __init__(self, folder: Path, **homes: str) -> None:
        """Write them into *folder*, which is made if it is missing; *homes* has the home of each that is added."""
        users, groups = pwd.getpwall(), grp.getgrall()
        taken = {user.pw_uid for user in users} | {group.gr_gid for group in groups}
        self.ids = dict(zip(homes, (number for number in count(61_000) if number not in taken), strict=False))
        user_lines = [":".join(map(str, user)) for user in users if user.pw_name not in homes]
        user_lines += [f"{name}:x:{number}:{number}::{homes[name]}:/bin/sh" for name, number in self.ids.items()]
        group_lines = [
            f"{one.gr_name}:x:{one.gr_gid}:{','.join(one.gr_mem)}" for one in groups if one.gr_name not in homes
        ]
        group_lines += [f"{name}:x:{number}:" for name, number in self.ids.items()]
        folder.mkdir(parents=True, exist_ok=True)
        self.binds = {folder / "passwd": Path("/etc/passwd"), folder / "group": Path("/etc/group")}
        for path, lines in zip(self.binds, (user_lines, group_lines), strict=True):
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def make_folder(self, name: str, path: Path) -> None:
        """Make the folder *path* if it is missing, and give it to *name*."""
        path.mkdir(parents=True, exist_ok=True)
        os.chown(path, self.ids[name], self.ids[name])
