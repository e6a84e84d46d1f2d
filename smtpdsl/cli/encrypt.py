"""`smtpdsl encrypt`: what a table of logins stores of a password."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from smtpdsl.runtime.credentials.crypt_library import INSTALL, has_crypt
from smtpdsl.runtime.credentials.hashing import hash_entry, scram_entry
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.stored import CheckError
from smtpdsl.runtime.sasl.names import MalformedError, read_password


@click.command()
@click.option("--scram", is_flag=True, help="Make keys for SCRAM-SHA-256 instead of a hash; an extension.")
def encrypt(*, scram: bool) -> None:
    """Hash passwords, as `auth <table>` of a listener wants them.

    Asks for a password on a terminal; otherwise each line of the standard input is one, and gets a line.  The hash is
    of the kind that crypt(3) of this system prefers, on Debian yescrypt.

    Exit status: 0 done, 2 wrong use, or a line that is no password.
    """
    if not scram and not has_crypt():
        message = f"this system has no crypt(3): {INSTALL}, or use --scram"
        raise click.UsageError(message)
    make = scram_entry if scram else hash_entry
    for password in _passwords():
        try:
            entry = make(password)
        except CheckError as error:
            raise click.UsageError(str(error)) from None
        click.echo(entry)


def _passwords() -> Iterator[Secret]:
    if sys.stdin.isatty():
        # On the terminal and not with the output, which is for a file.
        typed = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        yield _read(typed.encode("utf-8", "surrogateescape"), "the password")
        return
    number = 0
    for number, line in enumerate(sys.stdin.buffer, 1):
        yield _read(line.removesuffix(b"\n"), f"line {number}")
    if not number:
        message = "there is no password on the standard input"
        raise click.UsageError(message)


def _read(octets: bytes, place: str) -> Secret:
    try:
        return read_password(octets)
    except MalformedError as error:
        # What nobody could log in with, because no client may send it.
        message = f"{place} is no password: {error}"
        raise click.UsageError(message) from None
