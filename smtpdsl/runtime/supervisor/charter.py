"""What the server may ask of its process of root: written down once, when that process is started.

    identities   the users of the configuration's tables: names, numbers, homes
    has_system_accounts   users may also be accounts of the system, which are looked up there
    files        the keys, certificates and lists that the configuration names; asked for by number
    checks_passwords      logins are accounts of the system
    opens_encrypted       content may be encrypted, and what opens it has to be loaded in time
    programs     those that run as long as the server does, with their users; asked for by number
    environment  the variables that they get
    takes_word_for_users  a program knows the users: whoever is not root may be one of them

The server sends it while it is root, and has no way to change it afterwards.  Whoever takes
the server over can ask for this, and for nothing else.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from smtpdsl.ir.system_paths import MAIL_FOLDER
from smtpdsl.runtime.interfaces import Identity
from smtpdsl.runtime.programs.command import ProgramCommand
from smtpdsl.runtime.system_account import system_account

_ROOT = 0


class Charter(NamedTuple):
    """Everything that may be asked for; paths are those of the operating system, below *root* on a test bed."""

    root: str = ""
    identities: frozenset[Identity] = frozenset()
    has_system_accounts: bool = False
    files: tuple[str, ...] = ()
    checks_passwords: bool = False
    opens_encrypted: bool = False
    programs: tuple[ProgramCommand, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    takes_word_for_users: bool = False

    def locate(self, path: str) -> str:
        """Turn a path of the configuration into one of the operating system."""
        return self.root + path if self.root and path.startswith("/") else path

    def has(self, identity: Identity) -> bool:
        """Whether work may be done for *identity*: every part of it has to be as it is known here."""
        if identity.mail_folder not in {"", self.locate(MAIL_FOLDER)}:
            return False
        identity = identity._replace(mail_folder="")
        if identity in self.identities:
            return True
        if self.takes_word_for_users and _ROOT not in {identity.uid, identity.gid}:
            # What a program has said to the server cannot be known here.
            return True
        if not self.has_system_accounts:
            return False
        found = system_account(identity.name, self.root)
        home = self.locate(found.home) if found is not None and found.home else ""
        return found is not None and identity == Identity(found.name, found.uid, found.gid, home)

    def encoded(self) -> bytes:
        """Return what `decoded` reads."""
        known = sorted(self.identities)
        return json.dumps([self.root, known, *self[2:]]).encode()

    @classmethod
    def decoded(cls, octets: bytes) -> Charter:
        """Read a charter; it comes from a process that is still trusted."""
        root, identities, has_accounts, files, checks, opens, programs, environment, takes = json.loads(octets)
        known = frozenset(Identity(*each) for each in identities)
        commands = tuple(ProgramCommand(*each) for each in programs)
        variables = tuple((name, value) for name, value in environment)
        return cls(root, known, has_accounts, tuple(files), checks, opens, commands, variables, takes)
