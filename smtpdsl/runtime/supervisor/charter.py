"""What the server may ask of its process of root: written down once, when that process is started.

    identities   the users of the configuration's tables: names, numbers, homes
    has_system_accounts   users may also be accounts of the system, which are looked up there
    files        the keys, certificates and lists that the configuration names; asked for by number
    checks_passwords      logins are accounts of the system
    opens_encrypted       content may be encrypted, and what opens it has to be loaded in time

The server sends it while it is root, and has no way to change it afterwards.  Whoever takes
the server over can ask for this, and for nothing else.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from smtpdsl.ir.system_paths import MAIL_FOLDER
from smtpdsl.runtime.interfaces import Identity
from smtpdsl.runtime.system_account import system_account


class Charter(NamedTuple):
    """Everything that may be asked for; paths are those of the operating system, below *root* on a test bed."""

    root: str = ""
    identities: frozenset[Identity] = frozenset()
    has_system_accounts: bool = False
    files: tuple[str, ...] = ()
    checks_passwords: bool = False
    opens_encrypted: bool = False

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
        if not self.has_system_accounts:
            return False
        found = system_account(identity.name, self.root)
        home = self.locate(found.home) if found is not None and found.home else ""
        return found is not None and identity == Identity(found.name, found.uid, found.gid, home)

    def encoded(self) -> bytes:
        """Return what `decoded` reads."""
        known = sorted(self.identities)
        rest = (self.has_system_accounts, self.files, self.checks_passwords, self.opens_encrypted)
        return json.dumps([self.root, known, *rest]).encode()

    @classmethod
    def decoded(cls, octets: bytes) -> Charter:
        """Read a charter; it comes from a process that is still trusted."""
        root, identities, has_system_accounts, files, checks_passwords, opens_encrypted = json.loads(octets)
        known = frozenset(Identity(*each) for each in identities)
        return cls(root, known, has_system_accounts, tuple(files), checks_passwords, opens_encrypted)
