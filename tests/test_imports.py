"""The direction of imports, and what no file of this repository may mention."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "smtpdsl"

# cli -> tooling, analysis, compiler, runtime -> ir -> diagnostics, mail
MAY_IMPORT: dict[str, frozenset[str]] = {
    "mail": frozenset(),
    "diagnostics": frozenset(),
    "ir": frozenset({"mail", "diagnostics"}),
    "compiler": frozenset({"ir", "mail", "diagnostics"}),
    "runtime": frozenset({"ir", "mail", "diagnostics"}),
    "analysis": frozenset({"ir", "mail", "diagnostics"}),
    "tooling": frozenset({"compiler", "analysis", "ir", "mail", "diagnostics"}),
    "cli": frozenset({"tooling", "analysis", "compiler", "runtime", "ir", "mail", "diagnostics"}),
    # `python -m smtpdsl` is the command.
    "__main__": frozenset({"cli"}),
}
# Modules of the package itself that belong to no layer.
EVERYWHERE = frozenset({"record", "text_error"})
# Octets in, events and octets out: the protocol core does no I/O and has no clock.
PROTOCOL = ("runtime", "protocol")
NOT_IN_PROTOCOL = frozenset({"asyncio", "socket", "ssl", "time", "logging"})


def imported(source: str, package: tuple[str, ...]) -> Iterator[str]:
    """Yield the dotted names that *source*, a module of *package*, imports; those for type checkers count too."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = [*package[: len(package) - level + 1]] if level else []
                base += [module] if module else []
                yield from (".".join([*base, alias.name]) for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def violations(module: tuple[str, ...], source: str) -> list[str]:
    """List what *module*, named by its path below the package, imports and must not."""
    layer = module[0]
    in_protocol = module[:2] == PROTOCOL
    allowed = frozenset({"mail"}) if in_protocol else MAY_IMPORT.get(layer, frozenset()) | {layer}
    wrong = []
    for name in imported(source, ("smtpdsl", *module[:-1])):
        top, *rest = name.split(".")
        if top == "smtpdsl":
            inside_protocol = in_protocol and tuple(rest[:2]) == PROTOCOL
            if rest and rest[0] not in allowed | EVERYWHERE and not inside_protocol:
                wrong.append(name)
        elif in_protocol and top in NOT_IN_PROTOCOL:
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    """No package imports one that is above it."""
    module = path.relative_to(PACKAGE).with_suffix("").parts

    assert violations(module, path.read_text(encoding="utf-8")) == []


def test_every_package_has_its_layer() -> None:
    """A new folder below `smtpdsl` has to be given its place in the order first."""
    folders = {path.parent.relative_to(PACKAGE).parts[0] for path in PACKAGE.glob("*/**/*.py")}

    assert folders <= set(MAY_IMPORT)


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("ir/classes", "from smtpdsl.compiler import parse", ["smtpdsl.compiler.parse"]),
        ("compiler/lint", "import smtpdsl.runtime.policy", ["smtpdsl.runtime.policy"]),
        ("analysis/explain", "if TYPE_CHECKING:\n    from smtpdsl.cli import main", ["smtpdsl.cli.main"]),
        ("mail/reply", "from smtpdsl import ir", ["smtpdsl.ir"]),
        ("ir/syntax", "from ..compiler import parse", ["smtpdsl.compiler.parse"]),
        ("ir/syntax", 'importlib.import_module("smtpdsl.cli.main")', ["smtpdsl.cli.main"]),
        ("record", "from smtpdsl.diagnostics.span import Span", ["smtpdsl.diagnostics.span.Span"]),
        ("runtime/protocol/server", "def wait():\n    import time", ["time"]),
        ("runtime/protocol/server", "from smtpdsl.ir import diagram", ["smtpdsl.ir.diagram"]),
        ("runtime/protocol/server", "from smtpdsl.runtime.protocol import commands", []),
        ("runtime/protocol/server", "from smtpdsl.mail.reply import Reply", []),
        ("runtime/net/session", "import asyncio\nfrom smtpdsl.runtime.protocol import server", []),
        ("cli/check", "from smtpdsl.compiler import pipeline\nfrom smtpdsl.record import Record", []),
    ],
)
def test_an_import_that_points_up_is_found(module: str, source: str, wrong: list[str]) -> None:
    """The rule sees through imports in functions, for type checkers, relative and by name."""
    assert violations(tuple(module.split("/")), source) == wrong


# What tools and `make` leave behind is no part of the repository.
LEFT_BEHIND = frozenset({".git", ".venv", ".peers", ".hypothesis", "__pycache__", "build", "dist"})


def repository_files(folder: Path) -> Iterator[Path]:
    """Yield every file below *folder* that somebody wrote."""
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_BEHIND or path.name.endswith("_cache"):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from repository_files(path)
        elif path.is_file():
            yield path


def test_the_repository_stands_alone() -> None:
    """No file names a folder outside the checkout that its author happened to have."""
    outside = b"../" + b"shared"

    assert [str(path) for path in repository_files(ROOT) if outside in path.read_bytes()] == []
