"""Wiring: what the analysis says about a compiled file, as findings of `check`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

import click

from smtpdsl.compiler.pipeline import Compilation
from smtpdsl.diagnostics.codes import PORTABILITY
from smtpdsl.diagnostics.diagnostic import Report, Severity

if TYPE_CHECKING:
    from smtpdsl.analysis.walk import Accounts
    from smtpdsl.ir.answers import Site
    from smtpdsl.ir.resolved import Ruleset


# Rules whose diagram is proven without `--strict`: a second or two.
_MOST_PROVEN = 1_000

Options: TypeAlias = tuple[str, ...]


def explain_options(path: str, root: str = "") -> Options:
    """Return the options with which `explain` looks at the same file."""
    return ("-f", path, "--root", root) if root else ("-f", path)


class WrongDiagramError(click.ClickException):
    """The decision diagram of a file does not mean what its rules mean: a mistake of ours."""

    exit_code = 1


class Asker:
    """Asks about the file *path*."""

    def __init__(self, path: str, root: str, *, static: bool = False, is_strict: bool = False) -> None:
        """Look at nothing of this machine if *static*; prove the diagram too if *is_strict*."""
        self.path = path
        self.root = root
        self.static = static
        self.is_strict = is_strict

    def look(self, compilation: Compilation, report: Report) -> None:
        """Report what the analysis finds, unless errors have to be mended first."""
        ruleset = compilation.ruleset
        if ruleset is None or ruleset.is_partial or _is_wrong(report):
            return
        from smtpdsl.analysis.findings import Findings  # noqa: PLC0415 - files with errors need none of this

        findings = Findings(ruleset, explain_options(self.path, self.root), lambda: self.site(ruleset), self.accounts())
        for found in findings.all():
            report(found)
        # Proving takes as long as checking a small file does, whose rules show at once what they mean.
        if self.is_strict or (not findings.were_plain and len(ruleset.rules) <= _MOST_PROVEN):
            self.validate(ruleset)

    def validate(self, ruleset: Ruleset) -> None:
        """Prove that the diagram which serves mail means what the rules mean.

        Raises:
            WrongDiagramError: It does not.
        """
        from smtpdsl.compiler.build_diagram import build_diagram  # noqa: PLC0415 - only for `--strict`
        from smtpdsl.compiler.validate_diagram import Validity, validate  # noqa: PLC0415

        if validate(build_diagram(ruleset.rules, self.site(ruleset)), ruleset.rules) is Validity.REFUTED:
            message = (
                f"the decision diagram of {self.path} does not mean what its rules mean, which is a mistake of smtpdsl:"
                " please report it, and serve the file with `run --reference`"
            )
            raise WrongDiagramError(message)

    def site(self, ruleset: Ruleset) -> Site:
        """Return what "local" means; without this machine, a host with loopback addresses alone."""
        if not self.static:
            from smtpdsl.cli.machine import site_of  # noqa: PLC0415 - as above

            return site_of(ruleset)
        from smtpdsl.ir.answers import Site  # noqa: PLC0415
        from smtpdsl.ir.syntax import Dialect  # noqa: PLC0415

        return Site(
            server_name=ruleset.server_name,
            addresses=("127.0.0.1", "[::1]"),
            delimiter=ruleset.settings.sub_addr_delim.value,
            is_legacy=ruleset.dialect is Dialect.LEGACY,
        )

    def accounts(self) -> Accounts | None:
        """Return the accounts to look users up in; None where this machine has nothing to do with the file."""
        is_elsewhere = bool(self.root) and not os.path.exists(f"{self.root}/etc/passwd")  # noqa: PTH110
        if self.static or is_elsewhere:
            return None
        from smtpdsl.cli.machine import MachineSources  # noqa: PLC0415 - few files have tables of users

        return MachineSources(self.root)


def _is_wrong(report: Report) -> bool:
    """Whether the file has errors that are no matter of another server's."""
    return any(each.severity is Severity.ERROR and each.code is not PORTABILITY for each in report.diagnostics)
