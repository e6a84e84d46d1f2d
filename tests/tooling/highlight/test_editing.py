"""What the editors do besides colours: indentation, comments, snippets, and knowing a file by its name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from smtpdsl.tooling.highlight.snippets import fill, snippets
from tests.conftest import RequirePeer
from tests.tooling.highlight.engines import EDITORS, HERE, Start, start_emacs, start_textmate, start_vim

INDENTED = """\
table more {
    "one",   # a brace } in a comment
    "two"
}
listen on lo \\
    port 25 \\
    tls
match from any for any action "in"
"""
FLAT = re.sub(r"(?m)^ +", "", INDENTED)

NAMES = ["smtpd.conf", "smtpd.conf.new", "mail.smtpd.conf", "smtpd/listeners.conf"]
OTHER_NAMES = ["smtpd.config", "xsmtpd.conf", "other.conf", "smtpd/README"]
# No line of it tells for sure what it is.
VAGUE = "table a { b }\n"


@pytest.fixture
def vim(require_peer: RequirePeer, tmp_path: Path) -> Start:
    """Return a Vim that has our files."""
    return start_vim(require_peer("vim"), tmp_path)


@pytest.fixture
def emacs(require_peer: RequirePeer, tmp_path: Path) -> Start:
    """Return an Emacs that has our mode."""
    start = start_emacs(require_peer("emacs"), tmp_path)
    return start._replace(command=[*start.command, "-l", "smtpd-conf-mode"])


def in_vim(vim: Start, path: Path, *commands: str) -> str:
    """Open *path* in Vim, run *commands*, and return what is in the file afterwards."""
    opening = [
        "set nomodeline noswapfile",
        "filetype plugin indent on",
        f"edit {path}",
        *commands,
        "write!",
        "quitall!",
    ]
    done = vim.run(*(argument for each in opening for argument in ("-c", each)))
    assert not done.returncode, done.stdout + done.stderr
    return path.read_text()


def in_emacs(emacs: Start, path: Path, *forms: str) -> str:
    """Open *path* in Emacs, evaluate *forms*, and return what is in the file afterwards."""
    done = emacs.run("--eval", f'(progn (find-file "{path}") {" ".join(forms)} (write-region nil nil "{path}"))')
    assert not done.returncode, done.stdout + done.stderr
    return path.read_text()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a file is that every editor knows."""
    return tmp_path / "smtpd.conf"


def test_vim_indents(vim: Start, path: Path) -> None:
    """What stands in braces or continues a line is one step in, and indenting it again changes nothing."""
    path.write_text(FLAT)

    assert in_vim(vim, path, "setlocal shiftwidth=4 expandtab", "normal! gg=G") == INDENTED
    assert in_vim(vim, path, "setlocal shiftwidth=4 expandtab", "normal! gg=G") == INDENTED


def test_emacs_indents(emacs: Start, path: Path) -> None:
    """The same in Emacs."""
    path.write_text(FLAT)

    assert in_emacs(emacs, path, "(indent-region (point-min) (point-max))") == INDENTED
    assert in_emacs(emacs, path, "(indent-region (point-min) (point-max))") == INDENTED


def test_visual_studio_code_indents() -> None:
    """An open brace is one step in, and the line that closes it one step out."""
    rules = json.loads((EDITORS / "vscode" / "language-configuration.json").read_text())["indentationRules"]
    increases, decreases = rules["increaseIndentPattern"], rules["decreaseIndentPattern"]

    assert [line for line in INDENTED.splitlines() if re.search(increases, line)] == ["table more {"]
    assert [line for line in INDENTED.splitlines() if re.search(decreases, line)] == ["}"]
    assert not re.search(increases, "table more { a } # {")
    assert not re.search(increases, 'action "{"')


def test_vim_knows_comments(vim: Start, path: Path) -> None:
    """A comment that is too long is wrapped as one, and new ones are made with the right sign."""
    path.write_text(f"# {'word ' * 20}\n")

    assert in_vim(vim, path, "setlocal textwidth=60", "normal! gqq").count("\n# word") == 1
    assert in_vim(vim, path, "call setline(1, &commentstring)", "2,$delete").splitlines()[0] == "# %s"


def test_emacs_knows_comments(emacs: Start, path: Path) -> None:
    """Lines become comments, and what they were before."""
    path.write_text(INDENTED)

    commented = in_emacs(emacs, path, "(comment-region (point-min) (point-max))")
    assert all(line.startswith("#") for line in commented.splitlines())
    assert in_emacs(emacs, path, "(uncomment-region (point-min) (point-max))") == INDENTED


def test_vim_knows_names(vim: Start, tmp_path: Path) -> None:
    """Some names are enough, and for the rest one has to look into the file."""
    found = {}
    for name in (*NAMES, *OTHER_NAMES):
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(VAGUE)
        found[name] = in_vim(vim, path, "call setline(1, &filetype)").strip() == "smtpdconf"

    assert found == dict.fromkeys(NAMES, True) | dict.fromkeys(OTHER_NAMES, False)


def test_emacs_knows_names(emacs: Start, tmp_path: Path) -> None:
    """The same in Emacs."""
    found = {}
    for name in (*NAMES, *OTHER_NAMES):
        path = tmp_path / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(VAGUE)
        said = in_emacs(emacs, path, '(let ((mode (format "%s" major-mode))) (erase-buffer) (insert mode))')
        found[name] = said == "smtpd-conf-mode"

    assert found == dict.fromkeys(NAMES, True) | dict.fromkeys(OTHER_NAMES, False)


def test_visual_studio_code_knows_names() -> None:
    """It is told the same names."""
    package = json.loads((EDITORS / "vscode" / "package.json").read_text())
    (language,) = package["contributes"]["languages"]

    assert language["filenames"] == ["smtpd.conf"]
    assert language["filenamePatterns"] == ["smtpd.conf.*", "*.smtpd.conf", "**/smtpd/*.conf"]


def test_visual_studio_code_looks_into_files(require_peer: RequirePeer, tmp_path: Path) -> None:
    """A file whose name says nothing else is taken for what it is; a language that somebody chose stays."""
    done = start_textmate(require_peer("textmate"), tmp_path).run(HERE / "activate.js")

    assert json.loads(done.stdout) == {"found": {"/etc/mail.conf": "smtpdconf"}, "subscriptions": 1}


def test_emacs_inserts_snippets(emacs: Start, path: Path) -> None:
    """Each with what its places hold, if nobody types anything else; a place that is there twice is asked for once."""
    names = " ".join(f'"{each.prefix}"' for each in snippets())
    each = '(smtpd-conf-insert-snippet name) (insert "\\n")'

    # What is asked is answered with empty lines.
    found = in_emacs(emacs, path, f"(dolist (name '({names})) {each})")

    assert found == "".join(fill(snippet) + "\n" for snippet in snippets())


def test_emacs_compiles_the_mode_without_a_warning(emacs: Start, tmp_path: Path) -> None:
    """Whoever installs it sees none."""
    copy = tmp_path / "smtpd-conf-mode.el"
    copy.write_text((EDITORS / "emacs" / "smtpd-conf-mode.el").read_text())

    done = emacs.run("--eval", "(setq byte-compile-error-on-warn t)", "-f", "batch-byte-compile", copy)

    assert (done.returncode, done.stderr) == (0, "")
