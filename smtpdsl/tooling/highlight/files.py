"""The files of each editor: the grammar poured into the templates.

    templates/vim/syntax/smtpdconf.vim.j2   ->   syntax/smtpdconf.vim

A folder of `templates` is a kind of `smtpdsl highlight`, and a template's name is that of
the file it makes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from textwrap import wrap

import jinja2

import smtpdsl
from smtpdsl.tooling.highlight import snippets
from smtpdsl.tooling.highlight.language import RESERVED_BY, language
from smtpdsl.tooling.highlight.regex_engines import EMACS, ONIGURUMA, PYTHON, VIM, print_regex
from smtpdsl.tooling.highlight.regex_tree import Choice, OneOf, Repeat, Sequence, Tree, one_of_words

TEMPLATES = Path(__file__).parent.parent / "templates"

MAIN_FILES = {
    "vim": "syntax/smtpdconf.vim",
    "textmate": "syntaxes/smtpdconf.tmLanguage.json",
    "pygments": "pygments_lexer.py",
    "emacs": "smtpd-conf-mode.el",
}
"""Each kind, and the one of its files that holds the words of the language."""
KINDS = tuple(MAIN_FILES)


def editor_files(kind: str) -> dict[str, str]:
    """Return the files of *kind*, one of `KINDS`: path below the folder that the editor reads, and text."""
    folder = TEMPLATES / kind
    paths = sorted(path.relative_to(TEMPLATES).as_posix() for path in folder.rglob("*.j2"))
    return {path.removeprefix(f"{kind}/").removesuffix(".j2"): _render(kind, path) for path in paths}


def _render(kind: str, path: str) -> str:
    return (
        _environment()
        .get_template(path)
        .render(
            language=language(),
            snippets=snippets.snippets(),
            version=smtpdsl.__version__,
            made_by=f"Made by `smtpdsl highlight {kind}` from smtpdsl/grammar.lark; change that, or the template.",
        )
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - nothing of this is HTML, and all of it is ours
    )
    environment.filters.update(_filters())
    return environment


def _filters() -> dict[str, Callable[..., object]]:
    """Return what the templates call, by name."""
    engines = {"vim": VIM, "oniguruma": ONIGURUMA, "emacs": EMACS, "python": PYTHON}
    return {
        **{name: partial(print_regex, engine=engine) for name, engine in engines.items()},
        "one_of": one_of_words,
        "json": partial(json.dumps, ensure_ascii=False),
        "elisp": _as_elisp,
        "camel": lambda words: "".join(word.capitalize() for word in words.split("-")),
        "codes": _codes,
        "filled": lambda words, width, indent: f"\n{indent}".join(wrap(" ".join(words), width, break_on_hyphens=False)),
        "reserved_by": lambda statement: RESERVED_BY[statement.dialects],
        "snipmate": snippets.as_snipmate,
        "pieces": snippets.pieces,
    }


def _as_elisp(text: str) -> str:
    """Write *text* as a string of Emacs Lisp, on one line."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def _codes(word: Tree) -> str:
    """Write the characters of a word as Vim's 'iskeyword' wants them: by number, where every sign means itself."""
    sets = {each for each in _sets(word) if not each.is_negated}
    ranges = sorted({(ord(low), ord(high)) for one in sets for low, high in one.ranges})
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)


def _sets(tree: Tree) -> Iterator[OneOf]:
    """Yield the sets of characters that *tree* is made of."""
    match tree:
        case OneOf():
            yield tree
        case Sequence(parts) | Choice(parts):
            for part in parts:
                yield from _sets(part)
        case Repeat(item):
            yield from _sets(item)
        case _:
            return
