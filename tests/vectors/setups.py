r"""What the `setup` of a vector asks for: files, tables, actions; each kind has a function.

    {"aliases": "loopa: loopb\n"}                  /etc/mail/aliases has these lines, too
    {"forward": {"alice": "symlink:/etc/shadow"}}  /home/alice/.forward is a symbolic link
    {"mda": "sleep 100000"}                        the users' action runs this program
    {"table": "sleep 60"}                          the users' table is a program that does not answer

All paths are below the root of the server.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.certificates import make_pair
from tests.interpreters import anybodys_python
from tests.vectors.fixture import DOOMED, UID, USERS, Changes, Line

_USUAL_ALIASES = "postmaster: alice\nabuse: alice\n"
_LINKED = re.compile(r"(?P<folder>[a-z]+) is a symlink to (?P<target>\S+)")
_VIRTUAL = " virtual"


class SetupError(Exception):
    """A setup that the harness does not know; the text says which."""


def prepare_root(root: Path) -> None:
    """Make what every fixture has: homes, mailboxes, certificates, and a folder for virtual users."""
    root.mkdir()
    for name in (*USERS, DOOMED):
        _own(_folder(root / "home" / name), UID)
    _folder(root / "root")
    for path in ("srv/mail", "var/mail"):
        _own(_folder(root / path), UID)
    _folder(root / "etc/mail")
    (root / "etc/mailname").write_text("mx.test\n")
    pair = make_pair("mx.test", "mail.mx.test")
    private = _folder(root / "etc/ssl/private")
    (root / "etc/ssl/mx.test.pem").write_text(pair.certificate)
    key = private / "mx.test.key"
    key.touch(0o600)
    key.write_text(pair.key)


def apply_setup(root: Path, setup: Mapping[str, Any], pwn: Path) -> Changes:
    """Prepare *setup* below *root*; return what it changes in the configuration.

    Raises:
        SetupError: There is no such setup.
    """
    changes = Changes(aliases=_USUAL_ALIASES)
    for kind, value in setup.items():
        if kind not in _KINDS:
            message = f"the harness knows no setup `{kind}`"
            raise SetupError(message)
        try:
            changes = _KINDS[kind](changes, root, _with_path(value, pwn))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            message = f"the harness knows no setup {kind!r}: {value!r} ({type(error).__name__}: {error})"
            raise SetupError(message) from None
    (root / "etc/mail/aliases").write_text(changes.aliases)
    return changes


def filter_command(behaviour: str) -> str:
    """Return the command of the filter program."""
    program = Path(__file__).with_name("filter_program.py")
    return shlex.join([anybodys_python(), str(program), behaviour])


def _with_path(value: Any, pwn: Path) -> Any:  # noqa: ANN401 - whatever JSON can say
    """Put the path that must not come into being where ``$PWN`` stands."""
    if isinstance(value, str):
        return value.replace("$PWN", str(pwn))
    if isinstance(value, dict):
        return {name: _with_path(each, pwn) for name, each in value.items()}
    return value


# ------------------------------------------------------------ one function for each kind


def _aliases(changes: Changes, root: Path, text: str) -> Changes:
    del root
    return changes._replace(aliases=changes.aliases + text)


def _generated(changes: Changes, root: Path, value: Mapping[str, Any]) -> Changes:
    """An alias with many members, each of which is an alias of its own."""
    del root
    name, count = value["name"], int(value["count"])
    members = [f"{name}{number}" for number in range(count)]
    lines = [f"{name}: {', '.join(members)}\n", *(f"{member}: alice\n" for member in members)]
    return changes._replace(aliases=changes.aliases + "".join(lines))


def _action(changes: Changes, root: Path, text: str) -> Changes:
    """The method of the action; the virtual users' one if the last word says so."""
    del root
    if text.endswith(_VIRTUAL):
        everybody = '{ "@virt.test" = "alice" }'
        return changes._replace(virtual_action=text.removesuffix(_VIRTUAL), virtuals=everybody)
    return changes._replace(action=text)


def _mda(changes: Changes, root: Path, command: str) -> Changes:
    del root
    quoted = command.replace('"', '\\"')
    return changes._replace(action=f'mda "{quoted}"')


def _forward(changes: Changes, root: Path, files: Mapping[str, str]) -> Changes:
    for user, what in files.items():
        _make_file(_home(root, user) / ".forward", what, 0 if user == "root" else UID)
    return changes


def _mbox(changes: Changes, root: Path, files: Mapping[str, str]) -> Changes:
    for user, what in files.items():
        _make_file(root / "var/mail" / user, what, UID)
    return changes


def _maildir(changes: Changes, root: Path, folders: Mapping[str, str]) -> Changes:
    for user, what in folders.items():
        found = _LINKED.fullmatch(what)
        if found is None:
            raise ValueError(what)
        maildir = _home(root, user) / "Maildir"
        _own(_folder(maildir), UID)
        for name in {"new", "cur", "tmp"} - {found["folder"]}:
            _own(_folder(maildir / name), UID)
        (maildir / found["folder"]).symlink_to(found["target"])
    return changes


def _filter(changes: Changes, root: Path, behaviour: str) -> Changes:
    del root
    known = {"kill -9 on first event": "die", "garbage": "garbage"}
    return changes._replace(filter_behaviour=known[behaviour])


def _table(changes: Changes, root: Path, behaviour: str) -> Changes:
    if behaviour.startswith("regex "):
        pattern = behaviour.removeprefix("regex ")
        words = f'match from any for domain "virt.test" rcpt-to regex "{pattern}" action "virtual"'
        return changes._replace(first_rules=(Line(words), Line('match from any for domain "virt.test" reject')))
    programs = {
        "kill -9": "import os, sys\nsys.stdin.readline()\nos.kill(os.getpid(), 9)\n",
        "sleep 60": "import time\ntime.sleep(60)\n",
    }
    program = _folder(root / "usr/libexec/opensmtpd") / "table_broken.py"
    program.write_text(programs[behaviour])
    command = shlex.join([anybodys_python(), str(program.absolute())])
    return changes._replace(userbase=f'"proc-exec:{command}"')


def _nothing(changes: Changes, root: Path, value: object) -> Changes:
    """What concerns the next hop only is for the routes."""
    del root, value
    return changes


_KINDS: dict[str, Callable[[Changes, Path, Any], Changes]] = {
    "aliases": _aliases,
    "aliases_generated": _generated,
    "action": _action,
    "mda": _mda,
    "forward": _forward,
    "mbox": _mbox,
    "maildir": _maildir,
    "filter": _filter,
    "table": _table,
    "relay": _nothing,
    "recipients": _nothing,
    "zone": _nothing,
}


# ------------------------------------------------------------ files


def _make_file(path: Path, what: str, owner: int) -> None:
    """Make what *what* describes: a link, a FIFO, or a file with this text and perhaps a mode."""
    kind, _, rest = what.partition(":")
    if kind == "symlink":
        path.symlink_to(rest)
    elif kind == "hardlink":
        _link(path, Path(rest))
    elif what == "fifo":
        os.mkfifo(path)
        _own(path, owner)
    else:
        mode, text = 0o644, what
        if kind == "mode":
            digits, _, text = rest.partition(":")
            mode = int(digits, 8)
        path.write_text(text)
        path.chmod(mode)
        _own(path, owner)


def _link(path: Path, target: Path) -> None:
    """Make *path* another name of *target*; where that cannot be, of a copy that belongs to the same user."""
    try:
        os.link(target, path)
    except OSError:
        copy = path.parent.parent / f"{target.name}.copy"
        if os.access(target, os.R_OK):
            shutil.copyfile(target, copy)
        else:
            copy.touch()
        copy.chmod(0o640)
        os.link(copy, path)


def _home(root: Path, user: str) -> Path:
    return root / "root" if user == "root" else root / "home" / user


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _own(path: Path, uid: int) -> Path:
    if os.getuid() == 0:
        os.chown(path, uid, uid, follow_symlinks=False)
    return path
