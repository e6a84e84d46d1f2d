"""Listeners: filters that cannot run as they should, and passwords that this machine cannot check."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator

from smtpdsl.diagnostics.diagnostic import Diagnostic, Related
from smtpdsl.ir.resolved import Auth, Listener, Proc
from smtpdsl.ir.syntax import Dialect
from smtpdsl.runtime.abilities.finding import keyword, unserved, unserved_word
from smtpdsl.runtime.credentials.pam_library import INSTALL
from smtpdsl.runtime.credentials.requirements import missing_libraries
from smtpdsl.runtime.credentials.system_passwords import can_check_system
from smtpdsl.runtime.programs.declared import asked_procs

_ROOT = 0

SERVED = frozenset(
    {
        "span",
        "interface",
        "endpoints",
        "is_resolved",
        "family",
        "port",
        "tls",
        "tls_span",
        "verify",
        "pki",
        "pki_names",
        "ca",
        "ciphers",
        "protocols",
        # As far as this machine can check the passwords.
        "auth",
        "hostname",
        # As far as `tables` can read them.
        "hostnames",
        "senders",
        "masquerade",
        # As far as programs can run as whom they should.
        "filter",
        "tag",
        "mask_src",
        "received_auth",
        "no_dsn",
        "proxy_v1",
        "proxy_v2",
        "tolerates_bare_lf",
        "no_chunking",
        "is_lmtp",
        # As far as `tables` can read it.
        "xclient",
        "places",
    }
)
REFUSED = frozenset[str]()


def listener_findings(listener: Listener, dialect: Dialect) -> Iterator[Diagnostic]:
    """Yield the options of *listener* that are not honoured; *dialect* is that of the file."""
    for proc in asked_procs(listener.filter):
        yield from _program(proc, dialect)
    if listener.auth is not None:
        yield from _unchecked(listener.auth)


def _program(proc: Proc, dialect: Dialect) -> Iterator[Diagnostic]:
    """Yield what keeps *proc* from running as it is declared."""
    if dialect is Dialect.LEGACY:
        help_text = "remove it, or write the file as 6.6 and later have it and name a program for their protocol"
        yield unserved(proc.command.span, "a program for the filters of 5.x", help_text)
    if proc.chroot is not None and os.geteuid() != _ROOT:
        yield unserved_word(keyword(proc.span, "chroot"), "start the server as root: nobody else can do that")
    if proc.user is not None and _is_root(proc.user.text):
        what = f'a program with the rights of "{proc.user.text}"'
        yield unserved(proc.user.span, what, "name a user without rights: it is told what strangers say")


def _is_root(user: str) -> bool:
    try:
        return pwd.getpwnam(user).pw_uid == _ROOT
    except (KeyError, ValueError):
        return False


def _unchecked(auth: Auth) -> Iterator[Diagnostic]:
    """Yield what keeps people with the right password from logging in."""
    if auth.table is None:
        if not can_check_system():
            yield unserved(auth.span, "checking passwords of the accounts of this system", INSTALL)
        return
    for lack in missing_libraries(auth.table.entries):
        yield unserved(
            lack.entry.span, lack.what, lack.help, (Related(auth.span, "who logs in here is looked up there"),)
        )
