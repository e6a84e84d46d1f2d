"""Every code has a document, and what the document shows is so.

A document `docs/diagnostics/<code>.md` has fenced blocks of three kinds:

    ```smtpd.conf triggers [options]     a configuration that gets the finding
    ```smtpd.conf fine [options]         a near miss: one that does not
    ```text /etc/mail/aliases            a file that the blocks after it need

The options are those of `check` (`--target opensmtpd-6.8`, `--static`).  The files lie under a root of
their own, unless `--here` asks the machine itself.  What cannot be seen in a block is said by more words:

    crlf, bom, nul, latin1      its lines end in CR LF; it begins with a byte order mark; a NUL follows; its octets
    repeat=N                    the text N times
    pair=NAME                   /etc/ssl/NAME.crt and /etc/ssl/NAME.key are made: a certificate for NAME and its key
    old-pair=NAME               the same, but the certificate has expired
    key=BITS                    /etc/mail/dkim.key is made: a key of RSA
    open=PATH                   everybody may write the file
    served                      the server is asked too what it cannot do; the configuration has no errors
"""

from __future__ import annotations

import codecs
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from smtpdsl.diagnostics.codes import CODES
from smtpdsl.runtime.abilities import unable
from tests.certificates import make_pair, rsa_key
from tests.checking import check_meaning, write_files
from tests.runtime.programs import program_of

if TYPE_CHECKING:
    from smtpdsl.diagnostics.diagnostic import Diagnostic

DOCUMENTS = Path(__file__).parent.parent / "docs" / "diagnostics"
FENCE = re.compile(r"^```(\S+) (.*)\n((?:.*\n)*?)```$", re.MULTILINE)


class Block(NamedTuple):
    """A configuration of a document and the files that stand before it."""

    code: str
    number: int
    kind: str
    options: list[str]
    text: str
    files: dict[str, str]


def _blocks() -> list[Block]:
    found = []
    for document in sorted(DOCUMENTS.glob("*.md")):
        files: dict[str, str] = {}
        for number, fence in enumerate(FENCE.finditer(document.read_text(encoding="utf-8"))):
            language, rest, text = fence.groups()
            if language == "text":
                files = files | {rest.strip(): text}
            elif language == "smtpd.conf":
                kind, *options = shlex.split(rest)
                found.append(Block(document.stem, number, kind, options, text, files))
    return found


BLOCKS = _blocks()


def _check(block: Block, root: Path) -> list[Diagnostic]:
    """Check what *block* stands for: its text, changed and surrounded as its words say."""
    octets, files, words = block.text.encode(), dict(block.files), []
    for option in block.options:
        word, _, value = option.partition("=")
        match word:
            case "crlf":
                octets = octets.replace(b"\n", b"\r\n")
            case "bom":
                octets = codecs.BOM_UTF8 + octets
            case "nul":
                octets += b"\0"
            case "latin1":
                octets = block.text.encode("latin-1")
            case "repeat":
                octets *= int(value)
            case "pair" | "old-pair":
                pair = make_pair(value, starts=-1 if word == "pair" else -100)
                files |= {f"/etc/ssl/{value}.crt": pair.certificate, f"/etc/ssl/{value}.key": pair.key}
            case "key":
                files |= {"/etc/mail/dkim.key": rsa_key(int(value))}
            case "open" | "served":
                pass  # once the files are there
            case _:
                words.append(option)
    write_files(root, files)
    for option in block.options:
        if option.startswith("open="):
            (root / option.removeprefix("open=/")).chmod(0o666)
    unserved = unable(program_of(octets, root)) if "served" in block.options else ()
    return [*check_meaning(octets, root, options=words), *unserved]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.code}-{block.number}-{block.kind}")
def test_document_shows_what_is_so(block: Block, tmp_path: Path) -> None:
    """A block that triggers a code gets it, a near miss does not, and neither crashes."""
    codes = {found.code.name for found in _check(block, tmp_path)}

    assert block.kind in {"triggers", "fine"}
    assert (block.code in codes) is (block.kind == "triggers"), sorted(codes)


@pytest.mark.parametrize("code", sorted(CODES))
def test_code_is_documented(code: str) -> None:
    """A code has a document with an example that triggers it and a near miss that does not."""
    kinds = {block.kind for block in BLOCKS if block.code == code}

    assert kinds == {"triggers", "fine"}


def test_no_document_without_code() -> None:
    """A document is named after a code that exists."""
    assert {document.stem for document in DOCUMENTS.glob("*.md")} <= set(CODES)
