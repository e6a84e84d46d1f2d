"""From a program to what its server may ask of root; see `charter`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from smtpdsl.ir.alias_value import IncludeTarget, parse_targets
from smtpdsl.ir.members import Account
from smtpdsl.ir.program import Program
from smtpdsl.ir.resolved import Ca, LocalAction, Pki, RelayAction, Table
from smtpdsl.ir.table_index import TableIndex, is_system_userbase
from smtpdsl.ir.table_program import table_command
from smtpdsl.runtime.interfaces import Identity
from smtpdsl.runtime.programs.declared import program_commands
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.text_error import TextError

_INCLUDE = "include:"


def charter_of(program: Program, account: Account, root: str = "") -> Charter:
    """Return what the server of *program* needs, which becomes *account*; *root* is that of a test bed."""
    charter = Charter(root)
    programs = program_commands(program, account)
    return Charter(
        root,
        identities=frozenset((_identity(account, charter), *_identities(program, charter))),
        has_system_accounts=any(map(_asks_system, _local_actions(program))),
        files=tuple(dict.fromkeys(_place(charter, path) for path in (*tls_files(program), *_included(program)))),
        opens_encrypted=any(
            each.value is not None
            for each in (program.settings.queue_encryption, program.settings.queue_encryption_backup)
        ),
        checks_passwords=any(each.auth is not None and each.auth.table is None for each in program.listeners),
        programs=programs,
        environment=tuple(os.environ.items()) if programs else (),
        takes_word_for_users=any(map(_asks_program, _local_actions(program))),
    )


def tls_files(program: Program) -> list[str]:
    """Return the files of certificates, authorities and keys, those of DKIM too, as the configuration writes them."""
    return list(dict.fromkeys((*listener_files(program), *sender_files(program))))


def listener_files(program: Program) -> list[str]:
    """Return the files that receiving mail needs."""
    pkis = [pki for listener in program.listeners for pki in listener.pki]
    return _files(pkis, [listener.ca for listener in program.listeners])


def sender_files(program: Program) -> list[str]:
    """Return the files that relaying mail needs."""
    relays = [each for each in program.actions.values() if isinstance(each, RelayAction)]
    pkis = [relay.pki for relay in relays if relay.pki is not None]
    return _files(pkis, [relay.ca for relay in relays]) + [each.key.text for each in program.settings.dkim_keys]


def _files(pkis: Iterable[Pki], authorities: Iterable[Ca | None]) -> list[str]:
    words = [word for pki in pkis for word in (pki.cert, pki.key) if word is not None]
    words += [ca.cert for ca in authorities if ca is not None]
    return list(dict.fromkeys(word.text for word in words))


def _place(charter: Charter, path: str) -> str:
    """Return where *path* is, whatever the folder that the asked process works in."""
    return os.path.abspath(charter.locate(path))  # noqa: PTH100 - no path is built


def _local_actions(program: Program) -> Iterator[LocalAction]:
    return (each for each in program.actions.values() if isinstance(each, LocalAction))


def _asks_system(action: LocalAction) -> bool:
    return action.userbase is None or is_system_userbase(action.userbase) or action.user is not None


def _asks_program(action: LocalAction) -> bool:
    return action.userbase is not None and table_command(action.userbase) is not None


def _identities(program: Program, charter: Charter) -> Iterator[Identity]:
    index = TableIndex()
    for table in _tables(action.userbase for action in _local_actions(program)):
        for entry in () if is_system_userbase(table) else table.entries:
            found = index.account(table, entry.key)
            if isinstance(found, Account):
                yield _identity(found, charter)


def _identity(account: Account, charter: Charter) -> Identity:
    return Identity(account.name, account.uid, account.gid, charter.locate(account.home) if account.home else "")


def _included(program: Program) -> Iterator[str]:
    """Yield the lists that entries of aliases name; what cannot be read in them has been reported."""
    for table in _tables(table for action in _local_actions(program) for table in (action.alias, action.virtual)):
        for entry in table.entries:
            if _INCLUDE not in (entry.value or "").lower():
                continue
            try:
                targets = parse_targets(entry.value or "")
            except TextError:
                continue
            yield from (each.path for each in targets if isinstance(each, IncludeTarget))


def _tables(tables: Iterable[Table | None]) -> Iterable[Table]:
    """Return each of *tables* once."""
    return {id(each): each for each in tables if each is not None}.values()
