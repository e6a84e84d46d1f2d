"""What the tokenizers of editors make of files, in the words of `own_tokens`.

Each engine reads all files in one process, for starting an editor takes longer than all else:

    dump.vim, dump.el, dump.js      a file of ours that runs in the editor and writes JSON

Files are read as ASCII, so that characters and octets count alike.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pygments.token import Comment, Error, Keyword, Name, Number, String, _TokenType

from smtpdsl.tooling.pygments_lexer import SmtpdConfLexer
from tests.conftest import RequirePeer
from tests.peers import Peer
from tests.tooling.highlight.own_tokens import (
    COMMENT,
    DEFINITION,
    KEYWORD,
    NUMBER,
    PLAIN,
    REFERENCE,
    RESERVED,
    STRING,
    TABLE,
    Kinds,
)

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
EDITORS = ROOT / "editors"


class Seen(NamedTuple):
    """What an engine made of a file."""

    kinds: Kinds
    is_detected: bool
    """Whether it knew by itself what the file is."""


Engine = Callable[[Mapping[Path, str]], dict[Path, Seen]]
"""Looks at files, given with their texts."""


def engine(name: str, require_peer: RequirePeer, home: Path) -> Engine:
    """Return the engine *name*, whose editor finds our files in the fresh home folder *home*."""
    if name == "pygments":
        return _pygments
    return partial(_in_editor, _EDITORS[name], require_peer(name), home)


def ascii_text(path: Path) -> str:
    """Return the text of *path* with a question mark for every octet that is not ASCII."""
    return path.read_bytes().decode("ascii", "replace").replace("\ufffd", "?")


# ---------------------------------------------------------------- Pygments

_PYGMENTS = [
    (Comment, COMMENT),
    (String, STRING),
    (Name.Class, TABLE),
    (Name.Attribute, KEYWORD),
    (Keyword, KEYWORD),
    (Number, NUMBER),
    (Error, RESERVED),
]


def _pygments(files: Mapping[Path, str]) -> dict[Path, Seen]:
    return {path: Seen(_pygments_kinds(text), SmtpdConfLexer.analyse_text(text) > 0) for path, text in files.items()}


def _pygments_kinds(text: str) -> Kinds:
    kinds: Kinds = []
    for start, kind, token in SmtpdConfLexer().get_tokens_unprocessed(text):
        assert start == len(kinds), "a lexer leaves nothing out"
        kinds += [_pygments_kind(kind, token)] * len(token)
    return kinds


def _pygments_kind(kind: _TokenType, token: str) -> str:
    if kind is Name.Variable:
        return REFERENCE if token.startswith("$") else DEFINITION
    return next((ours for theirs, ours in _PYGMENTS if str(kind).startswith(str(theirs))), PLAIN)


# ---------------------------------------------------------------- editors


class Start(NamedTuple):
    """How an editor is started, with the folder *home* for its user, in which it finds our files."""

    command: list[str | Path]
    environment: dict[str, str]

    def run(self, *arguments: str | Path, **environment: str | Path) -> subprocess.CompletedProcess[str]:
        """Start it with more *arguments*, answer what it asks with empty lines, and wait for its end."""
        return subprocess.run(
            [*self.command, *arguments],
            env=self.environment | {name: str(value) for name, value in environment.items()},
            input="\n" * 1000,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


def start_vim(peer: Peer, home: Path) -> Start:
    """Start Vim for somebody who has copied our files; an unpacked one has to be told where its own are."""
    (home / ".vim").symlink_to(EDITORS / "vim")
    environment = peer.environment | {"HOME": str(home)}
    if peer.root != Path("/"):
        (syntax,) = peer.root.glob("usr/share/vim/vim*/syntax/syntax.vim")
        environment |= {"VIMRUNTIME": str(syntax.parent.parent)}
    return Start([peer.program, "-es", "-N"], environment)


def start_textmate(peer: Peer, home: Path) -> Start:
    """Start what runs the extension of Visual Studio Code, with the engine at hand."""
    environment = {
        "HOME": str(home),
        "ENGINE": str(peer.root / "node_modules"),
        "EXTENSION": str(EDITORS / "vscode"),
    }
    return Start([peer.root / "node"], os.environ | environment)


def start_emacs(peer: Peer, home: Path) -> Start:
    """Start Emacs for somebody who loads our file; an unpacked one has to be told where its parts are."""
    command: list[str | Path] = [peer.program, "-Q", "--batch", "-L", EDITORS / "emacs"]
    own = peer.environment | {"HOME": str(home)}
    if peer.root == Path("/"):
        return Start(command, own)
    (image,) = peer.root.glob("usr/libexec/emacs/*/*/emacs.pdmp")
    (lisp,) = peer.root.glob("usr/share/emacs/*/lisp")
    environment = {
        "EMACSLOADPATH": str(lisp),
        "EMACSDATA": str(lisp.parent / "etc"),
        "EMACSPATH": str(image.parent),
    }
    return Start([peer.program, f"--dump-file={image}", *command[1:]], own | environment)


class _Editor(NamedTuple):
    """How to make an editor tell what it sees."""

    start: Callable[[Peer, Path], Start]
    dump: tuple[str | Path, ...]
    kind_of: Callable[[str], str]


def _in_editor(editor: _Editor, peer: Peer, home: Path, files: Mapping[Path, str]) -> dict[Path, Seen]:
    """Run the editor over copies of *files*, and translate what it says."""
    copies = {path: home / "files" / str(number) / path.name for number, path in enumerate(files)}
    for path, copy in copies.items():
        copy.parent.mkdir(parents=True)
        copy.write_text(files[path])
    names, found = home / "names", home / "found.json"
    names.write_text("".join(f"{copy}\n" for copy in copies.values()))
    done = editor.start(peer, home).run(*editor.dump, FILES=names, FOUND=found)
    assert found.exists(), done.stdout + done.stderr
    said = json.loads(found.read_text())
    return {path: _seen(said[str(copy)], files[path], editor.kind_of) for path, copy in copies.items()}


def _seen(said: dict[str, object], text: str, kind_of: Callable[[str], str]) -> Seen:
    """Put the lines together; an editor says nothing of newlines, and may not of an empty last line."""
    lines = said["lines"]
    assert isinstance(lines, list)
    kinds: Kinds = []
    for line, names in zip(text.split("\n"), [*lines, []], strict=False):
        assert len(names) == len(line)
        kinds += [*map(kind_of, names), PLAIN]
    return Seen(kinds[: len(text)], "smtpd" in str(said["detected"]))


_VIM = {
    "Head": KEYWORD,
    "Comment": COMMENT,
    "String": STRING,
    "Escape": STRING,
    "Macro": REFERENCE,
    "MacroName": DEFINITION,
    "TableName": TABLE,
    "Number": NUMBER,
}


def _vim_kind(group: str) -> str:
    name = group.removeprefix("smtpdconf")
    if name.startswith("Reserved"):
        return RESERVED
    return _VIM.get(name) or (KEYWORD if name.endswith(("Option", "Value")) else PLAIN)


_EMACS = {
    "font-lock-keyword-face": KEYWORD,
    "smtpd-conf-option": KEYWORD,
    "smtpd-conf-value": KEYWORD,
    "font-lock-string-face": STRING,
    "font-lock-comment-face": COMMENT,
    "font-lock-comment-delimiter-face": COMMENT,
    "font-lock-variable-name-face": DEFINITION,
    "smtpd-conf-reference": REFERENCE,
    "smtpd-conf-table": TABLE,
    "smtpd-conf-number": NUMBER,
    "smtpd-conf-reserved": RESERVED,
}

_TEXTMATE = {
    "keyword.control": KEYWORD,
    "keyword.other": KEYWORD,
    "constant.language": KEYWORD,
    "comment": COMMENT,
    "string": STRING,
    "constant.character": STRING,
    "variable.other.definition": DEFINITION,
    "variable": REFERENCE,
    "entity.name.type": TABLE,
    "constant.numeric": NUMBER,
    "invalid": RESERVED,
}


def _textmate_kind(scope: str) -> str:
    return next((kind for beginning, kind in _TEXTMATE.items() if scope.startswith(beginning)), PLAIN)


_EDITORS = {
    "vim": _Editor(start_vim, ("-S", HERE / "dump.vim"), _vim_kind),
    "textmate": _Editor(start_textmate, (HERE / "dump.js",), _textmate_kind),
    "emacs": _Editor(start_emacs, ("-l", HERE / "dump.el"), lambda face: _EMACS.get(face, PLAIN)),
}


def texts(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the texts of *paths*."""
    return {path: ascii_text(path) for path in paths}
