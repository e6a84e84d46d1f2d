"""`smtpdsl dkim-key`: a key that mail is signed with, and what has to be published for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp

import click

from smtpdsl.cli.write_back import sync_folder
from smtpdsl.diagnostics.cells import visible
from smtpdsl.ir.host_name import host_name_problem
from smtpdsl.ir.syntax import quote
from smtpdsl.mail.address import AddressError
from smtpdsl.mail.dkim_key import DkimKeyError, SigningKey, new_key, read_key
from smtpdsl.mail.idn import ascii_domain

_LABEL = "._domainkey."
# RFC 1035 §3.3: a string of a record has no more octets.
_MAX_STRING = 255


class KeyFileError(click.ClickException):
    """The file cannot be read or written, or is no key."""

    exit_code = 2


@click.command()
@click.argument("name", metavar="NAME")
@click.argument("file", metavar="FILE")
@click.option("--ed25519", "is_ed25519", is_flag=True, help="Make a key of Ed25519; without it, one of RSA, 2048 bits.")
@click.option("--record", "is_record", is_flag=True, help="Make nothing: FILE is there, and its record is printed.")
def dkim_key(name: str, file: str, *, is_ed25519: bool, is_record: bool) -> None:
    """Make a key for `dkim-sign`, and print the record that the DNS needs.

    NAME is that of the record: a selector, ._domainkey. and a domain, as in s2026._domainkey.example.org.  The key is
    written to FILE, which must not be there yet, and only its owner can read it.

    Exit status: 0 done, 2 wrong use, or a file that cannot be read or written.
    """
    name = _record_name(name)
    if is_record:
        if is_ed25519:
            message = "--ed25519 is for a new key, and --record is for one that is there"
            raise click.UsageError(message)
        click.echo(_record(name, _read(file)), nl=False)
        return
    octets = new_key(is_ed25519=is_ed25519)
    _write(Path(file), octets)
    click.echo("; For the zone of the domain:")
    click.echo(_record(name, read_key(octets)), nl=False)
    click.echo("\n# For the configuration, once everybody can see the record:")
    click.echo(f"dkim-sign {quote(name)} key {quote(str(Path(file).absolute()))}")


def _record_name(text: str) -> str:
    """Return the name of a record, in small letters and A-labels."""
    selector, label, domain = text.lower().rstrip(".").partition(_LABEL)
    if not selector or not label:
        message = f'NAME is a selector, "{_LABEL}" and a domain, found "{visible(text)}"'
        raise click.UsageError(message)
    try:
        domain = ascii_domain(domain)
    except AddressError as error:
        message = f'NAME "{visible(text)}": {error.message}'
        raise click.UsageError(message) from None
    if problem := host_name_problem(selector) or host_name_problem(domain):
        raise click.UsageError(visible(problem))
    return selector + label + domain


def _record(name: str, key: SigningKey) -> str:
    """Write a record as a zone file has it."""
    text = key.record()
    strings = [text[at : at + _MAX_STRING] for at in range(0, len(text), _MAX_STRING)]
    lines = "".join(f'\n    "{each}"' for each in strings)
    return f"{name}. IN TXT ({lines} )\n"


# ---------------------------------------------------------------- files


def _read(file: str) -> SigningKey:
    try:
        return read_key(Path(file).read_bytes())
    except OSError as error:
        message = _cannot("read", file, error)
        raise KeyFileError(message) from None
    except DkimKeyError as error:
        message = f'the key "{file}" cannot be used: {error}'
        raise KeyFileError(message) from None


def _write(path: Path, octets: bytes) -> None:
    """Write a key, so that there is all of it or nothing, and never in the place of another."""
    try:
        with _beside(path, octets) as temporary:
            os.link(temporary, path)
        sync_folder(path.parent)
    except FileExistsError:
        message = f'"{path}" is there already, and mail may be signed with it; --record prints its record'
        raise KeyFileError(message) from None
    except OSError as error:
        message = _cannot("write", str(path), error)
        raise KeyFileError(message) from None


@contextmanager
def _beside(path: Path, octets: bytes) -> Iterator[str]:
    """Give the path of a synced file in the folder of *path*, which its owner alone can read; it vanishes again."""
    descriptor, name = mkstemp(prefix=".smtpdsl-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(descriptor)
        yield name
    finally:
        Path(name).unlink()


def _cannot(verb: str, file: str, error: OSError) -> str:
    return f'cannot {verb} "{file}": {(error.strerror or str(error)).lower()}'
