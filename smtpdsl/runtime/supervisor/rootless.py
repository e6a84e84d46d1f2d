"""What is different for a server that was started as root, and gives that up before it serves.

while root     charter ──▶ forker       keys ──▶ memory       sockets (`daemon`)
then           spool ──▶ the account    root ──▶ the account
from then on   .forward, lists, passwords, renewed keys: asked of the forker
"""

from __future__ import annotations

import os

from smtpdsl.ir.members import Account
from smtpdsl.ir.program import Program
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.privileges import give_up_root, hand_over_spool
from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.supervisor.asking import AskedSources
from smtpdsl.runtime.supervisor.chartering import charter_of, sender_files, tls_files
from smtpdsl.runtime.supervisor.forking import ForkingSupervisor, start_forker
from smtpdsl.runtime.supervisor.held_files import HeldFiles
from smtpdsl.runtime.supervisor.program_starter import ForkedStarter


class Rootless:
    """The parts of such a server."""

    def __init__(self, program: Program, account: Account, root: str, log: Log, *, has_listeners: bool = True) -> None:
        """Start the forker for *program*, and hold its keys.

        Args:
            program: What is served.
            account: What the server becomes.
            root: That of a test bed.
            log: Told of what cannot be read.
            has_listeners: Whether this process speaks with clients, and needs the keys for that.
        """
        charter = charter_of(program, account, root)
        self.account = account
        self.supervisor = ForkingSupervisor(start_forker(charter))
        self.files = HeldFiles(charter, tls_files(program) if has_listeners else sender_files(program))
        self.sources = AskedSources(self.supervisor, charter, log.warn)
        self.programs = ForkedStarter(self.supervisor, charter)
        self._log = log

    def settle(self, spool: str) -> None:
        """Hand the *spool* over, and give up root for good.

        Raises:
            SpoolError: The spool cannot be handed over.
            PrivilegeError: Something of root would be left.
        """
        hand_over_spool(spool, self.account)
        give_up_root(self.account)
        if not os.access(spool, os.W_OK | os.X_OK):
            message = f"{self.account.name} cannot get to the spool {spool}: a folder above it is closed to others"
            raise SpoolError(message)
        self._log.info(f'running as "{self.account.name}"; mail is delivered with the rights of whoever gets it')

    async def watch(self) -> None:
        """Look after the keys, for as long as somebody runs this."""
        await self.files.watch(self.supervisor, self._log.warn)
