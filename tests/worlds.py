"""A machine that is the same everywhere, and rulesets compiled on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from smtpdsl.compiler.pipeline import compile_octets
from smtpdsl.compiler.world import FileFacts, Machine, Unavailable
from smtpdsl.diagnostics.arrange import arrange
from smtpdsl.diagnostics.diagnostic import Diagnostic, Report, Severity
from smtpdsl.ir.answers import Site
from smtpdsl.ir.resolved import Ruleset
from smtpdsl.ir.syntax import Dialect

SERVER = "mail.example.org"
INTERFACES = {
    "lo": ("127.0.0.1", "::1"),
    "eth0": ("192.0.2.1", "2001:db8::1", "fe80::1%eth0"),
}
_NO_FILE = Unavailable("no such file or directory", is_absent=True)


class Bench(Machine):
    """A test bed: two interfaces, one name in the DNS, no programs, and the files it is given."""

    def __init__(self, files: Mapping[str, str] | None = None) -> None:
        """Hold *files*, absolute path to content."""
        super().__init__("/bench")
        self.files = files or {}

    def locate(self, path: str) -> str:
        """Leave the path as it is."""
        return path

    def identity(self, path: str, *, is_given: bool = False) -> object:
        """Tell files apart by their names."""
        del is_given
        return path

    def read(self, path: str) -> bytes | Unavailable:
        """Return one of the files."""
        return self.files[path].encode("utf-8", "surrogateescape") if path in self.files else _NO_FILE

    def facts(self, path: str) -> FileFacts | Unavailable:
        """Say that everything belongs to root and nobody else may write."""
        return FileFacts(0, 0o640) if path in self.files else _NO_FILE

    def addresses(self, interface: str) -> tuple[str, ...]:
        """Look an interface up."""
        return INTERFACES.get(interface, ())

    def resolve(self, name: str) -> tuple[str, ...]:
        """Look a host up."""
        return ("198.51.100.1", "2001:db8:1::1") if name == "mx.example.org" else ()

    def program_exists(self, path: str) -> bool:
        """Find nothing installed."""
        del path
        return False

    def server_name(self) -> str:
        """Have a name."""
        return SERVER


class Compiled(NamedTuple):
    """What became of a text, and what was found, as people see it."""

    ruleset: Ruleset
    findings: list[Diagnostic]

    @property
    def messages(self) -> list[str]:
        """The findings as ``line:column code: message``."""
        return [describe(found) for found in self.findings]


def describe(found: Diagnostic) -> str:
    """Return ``line:column code: message``."""
    line, column = found.span.source.position(found.span.start)
    return f"{line}:{column} {found.code.name}: {found.message}"


def pointed_at(found: Diagnostic) -> str:
    """Return the characters under the caret."""
    return found.span.text


def compile_text(text: str, files: Mapping[str, str] | None = None) -> Compiled:
    """Compile *text* on a bench with *files*; warnings about leftovers are left out, tests have many."""
    report = Report()
    compilation = compile_octets("smtpd.conf", text.encode("utf-8", "surrogateescape"), Bench(files), report)
    assert compilation.ruleset is not None, [found.message for found in report.diagnostics]
    found = [each for each in arrange(report.diagnostics) if not each.code.name.startswith(("unused-", "no-"))]
    return Compiled(compilation.ruleset, found)


def ruleset_of(text: str, files: Mapping[str, str] | None = None) -> Ruleset:
    """Compile *text*, which has no errors."""
    compiled = compile_text(text, files)
    errors = [describe(found) for found in compiled.findings if found.severity is Severity.ERROR]
    assert not errors, errors
    return compiled.ruleset


def site_of(ruleset: Ruleset) -> Site:
    """Return what "local" means on the bench."""
    addresses = (address for addresses in INTERFACES.values() for address in addresses)
    return Site(
        server_name=SERVER,
        addresses=tuple(f"[{address}]" if ":" in address else address for address in addresses),
        delimiter=ruleset.settings.sub_addr_delim.value,
        is_legacy=ruleset.dialect is Dialect.LEGACY,
    )
