"""`smtpdsl run FILE`: serve mail, in the foreground."""

from __future__ import annotations

import asyncio
import gc
import os
import pwd
from collections.abc import Callable

import click

from smtpdsl.cli.asking import Asker
from smtpdsl.cli.compiling import (
    compile_file,
    compiling_options,
    default_file,
    excerpt_colours,
    terminal_columns,
    wants_colour,
)
from smtpdsl.cli.machine import MachineSources, site_of
from smtpdsl.cli.queue_key import queue_seals
from smtpdsl.compiler.build_diagram import build_diagram
from smtpdsl.compiler.emit import emit
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.diagnostic import Diagnostic, Severity
from smtpdsl.diagnostics.render import render_text
from smtpdsl.ir.answers import Site
from smtpdsl.ir.program import Program
from smtpdsl.ir.report_template import ReportTemplateError
from smtpdsl.runtime.abilities import unable
from smtpdsl.runtime.daemon import Server, SupervisorError
from smtpdsl.runtime.interfaces import Route, Supervisor
from smtpdsl.runtime.log import StructuredLog
from smtpdsl.runtime.net.listener import ListenError
from smtpdsl.runtime.net.tls_settings import TlsSetupError
from smtpdsl.runtime.privileges import PrivilegeError, service_account
from smtpdsl.runtime.queue.folder import SPOOL, SpoolError
from smtpdsl.runtime.supervisor.own import OwnSupervisor
from smtpdsl.runtime.supervisor.rootless import Rootless
from smtpdsl.runtime.world import World


class CannotServeError(click.ClickException):
    """The configuration is right, and the machine does not let us serve it."""

    exit_code = 1


@click.command()
@click.argument("file", metavar="[FILE]", required=False)
@click.option(
    "-P",
    "--pause",
    "paused",
    type=click.Choice([route.value for route in Route]),
    multiple=True,
    help="Take mail but attempt no local deliveries (mda) or no relaying (mta).",
)
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", help="How log lines are written.")
@click.option("--user", metavar="NAME", help="When started as root, talk to the network as this account.")
@click.option("--reference", is_flag=True, help="Read the rules one by one instead of walking their diagram.")
@compiling_options
def run(
    file: str | None,
    paused: tuple[str, ...],
    log_format: str,
    defines: dict[str, str],
    root: str,
    *,
    user: str | None,
    reference: bool,
) -> None:
    """Serve mail by a configuration, in the foreground; SIGTERM and Ctrl-C stop.

    The configuration is checked first.  Mail that has been taken is kept in /var/spool/smtpdsl (below --root).
    Root is given up before anybody is served: for the account _smtpdsl, or the one that --user names.

    Exit status: 0 stopped, 1 the configuration has errors or cannot be served here, 2 wrong use.
    """
    path = file or default_file()
    program, site = _program(path, root, defines)
    if not reference:
        program = program.replace(diagram=build_diagram(program.rules, site))
    log = StructuredLog(as_json=log_format == "json")
    # Deliveries are made by processes that work in other folders.
    machine = Machine(os.path.abspath(root) if root else "")  # noqa: PTH100 - no path is built
    seals = queue_seals(program.settings)
    rootless = _rootless(program, user, machine, log)
    world = World(
        site=site,
        outside=MachineSources(machine.root),
        locate=machine.locate,
        spool=machine.locate(SPOOL),
        supervisor=rootless.supervisor if rootless is not None else _supervisor(log),
        log=log,
        paused=frozenset(map(Route, paused)),
        rootless=rootless,
        seals=seals,
    )
    try:
        # What there is now, stays: it need not be searched for garbage each time that a session leaves some.
        gc.collect()
        gc.freeze()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(Server(program, world).run())
    except (ListenError, SpoolError, TlsSetupError, PrivilegeError, SupervisorError, ReportTemplateError) as error:
        raise CannotServeError(str(error)) from None


def _program(path: str, root: str, defines: dict[str, str]) -> tuple[Program, Site]:
    """Return the program of the file at *path*; what is found in it is printed, and an error is the end."""
    compiled = compile_file(path, root=root, defines=defines, look=Asker(path, root).look)
    ruleset, text = compiled.compilation.ruleset, compiled.compilation.text
    findings = list(compiled.findings)
    is_right = not _has_errors(findings) and ruleset is not None and text is not None
    program = emit(ruleset, text.source) if is_right and ruleset and text else None
    if program is not None:
        findings += unable(program)
    if findings:
        colours = excerpt_colours([compiled])
        text_of_findings = render_text(findings, colour=wants_colour(), columns=terminal_columns(), colours=colours)
        click.echo(text_of_findings, nl=False, err=True)
    if program is None or ruleset is None or _has_errors(findings):
        raise SystemExit(1)
    if not any(listener.endpoints for listener in program.listeners):
        message = f'"{path}" listens on no address, so there is nothing to serve: add `listen on` and an interface'
        raise CannotServeError(message)
    return program, site_of(ruleset)


def _has_errors(findings: list[Diagnostic]) -> bool:
    return any(each.severity is Severity.ERROR for each in findings)


def _rootless(program: Program, user: str | None, machine: Machine, log: StructuredLog) -> Rootless | None:
    """Return what a server of root's needs; its other process is started before there is anything to inherit."""
    if os.geteuid() != 0:
        if user is not None:
            message = "--user is for root: nobody else can become another account"
            raise click.UsageError(message)
        return None
    try:
        return Rootless(program, service_account(user, is_test_bed=machine.is_test_bed), machine.root, log)
    except PrivilegeError as error:
        raise CannotServeError(str(error)) from None


def _supervisor(log: StructuredLog) -> Supervisor:
    """Return who does the work of deliveries for an ordinary user."""
    name = _user_name(os.geteuid())
    log.info(f'running as "{name}": whoever the mail is for, it is delivered with the rights of this user')
    return OwnSupervisor()


def _user_name(uid: int) -> str:
    """Return the name of a user, or its number if it has none, as in many containers."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Prefer uvloop, where it is installed; it takes half of the time."""
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
