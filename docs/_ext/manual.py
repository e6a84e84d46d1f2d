"""What Sphinx needs to know of our pages: the colours of configurations, and pictures of their syntax.

A block ```` ```syntax NAME ```` of a page is checked against the grammar, and in HTML a picture of the
same forms follows it.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments.lexer import Lexer
from pygments.lexers import TextLexer
from railroad_pictures import picture
from sphinx.application import Sphinx
from sphinx.errors import SphinxError

from smtpdsl.tooling.syntax.expressions import Expression
from smtpdsl.tooling.syntax.forms import forms_of
from smtpdsl.tooling.syntax.names import PARTS
from smtpdsl.tooling.syntax.pages import forms, syntax_names
from smtpdsl.tooling.syntax.text import inner_parts, text_of

_CONFIGURATION = "smtpd.conf"
_SYNTAX = "syntax"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the lexers and the pictures."""
    app.add_lexer(_CONFIGURATION, _configuration_lexer())
    # The first two are made from the grammar; pictures of the last kind are drawn where pages are read as they are.
    for plain in (_SYNTAX, "words", "mermaid"):
        app.add_lexer(plain, TextLexer)
    app.add_css_file("manual.css")
    app.connect("doctree-read", _add_pictures)
    app.connect("doctree-resolved", _drop_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _configuration_lexer() -> type[Lexer]:
    """Return the lexer of the language; plain text where the package has none."""
    plain: type[Lexer] = TextLexer
    try:
        module = import_module("smtpdsl.tooling.pygments_lexer")
    except ModuleNotFoundError:
        return plain
    lexers = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Lexer)]
    found: list[type[Lexer]] = [each for each in lexers if _CONFIGURATION in each.aliases]
    return found[0] if found else plain


def _add_pictures(app: Sphinx, doctree: nodes.document) -> None:
    blocks = [each for each in doctree.findall(nodes.literal_block) if each.get("language") == _SYNTAX]
    page = Path(app.env.doc2path(app.env.docname))
    names = syntax_names(page.read_text(encoding="utf-8"))
    for block, name in zip(blocks, names, strict=True):
        found = forms(name)
        if block.astext().rstrip() != text_of(found).rstrip():
            message = f"the syntax of `{name}` in {page} is not what the grammar says"
            raise SphinxError(message)
        block.parent.insert(
            block.parent.index(block) + 1, nodes.raw("", "".join(_pictures(name, found)), format="html")
        )


def _drop_links(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """A man page is one page on paper: of a link to another place in it, the text alone is left."""
    del docname
    if app.builder.format == "man":
        for link in [each for each in doctree.findall(nodes.reference) if not _is_outside(each)]:
            link.replace_self(link.children)


def _is_outside(link: nodes.reference) -> bool:
    return str(link.get("refuri", "")).startswith(("http:", "https:"))


def _pictures(name: str, statement: tuple[Expression, ...]) -> Iterator[str]:
    """Yield the picture of the statement, and folded away those of its parts."""
    yield f'<div class="railroad">{picture(statement, f"syntax of {name}")}</div>'
    for rule in inner_parts(statement):
        title = html.escape(PARTS[rule])
        svg = picture(forms_of(rule), f"syntax of {PARTS[rule]}")
        yield f'<details class="railroad"><summary>{title}</summary>{svg}</details>'
