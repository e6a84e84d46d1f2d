"""`smtpdsl run FILE`: serve mail, in the foreground."""

from __future__ import annotations

import asyncio
import gc
import os

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
from smtpdsl.ir.members import Account
from smtpdsl.ir.program import Program
from smtpdsl.ir.report_template import ReportTemplateError
from smtpdsl.runtime.abilities import unable
from smtpdsl.runtime.daemon import Server, SupervisorError
from smtpdsl.runtime.interfaces import Route, Supervisor
from smtpdsl.runtime.log import StructuredLog
from smtpdsl.runtime.loops import loop_factory
from smtpdsl.runtime.net.listener import ListenError
from smtpdsl.runtime.net.tls_settings import TlsSetupError
from smtpdsl.runtime.own_account import account_of
from smtpdsl.runtime.privileges import PrivilegeError, service_account
from smtpdsl.runtime.process_name import name_process
from smtpdsl.runtime.programs.alone import reason_to_be_alone
from smtpdsl.runtime.programs.starting import OwnStarter
from smtpdsl.runtime.queue.folder import SPOOL, SpoolError
from smtpdsl.runtime.roles.nursery import start_nursery
from smtpdsl.runtime.roles.smtp_pool import SmtpProcessError
from smtpdsl.runtime.roles.smtp_process import Setting
from smtpdsl.runtime.supervisor.own import OwnSupervisor
from smtpdsl.runtime.supervisor.rootless import Rootless
from smtpdsl.runtime.world import World

# Of processes that speak with clients: as many as anybody has processors, and as many as are worth their memory.
_MOST_PROCESSES, _MOST_BY_DEFAULT, _FEW_PROCESSORS = 256, 8, 2
# Why a server cannot be started, or cannot go on.
_REASONS = (
    ListenError,
    SpoolError,
    TlsSetupError,
    PrivilegeError,
    SmtpProcessError,
    SupervisorError,
    ReportTemplateError,
)


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
@click.option(
    "--smtp-processes",
    type=click.IntRange(0, _MOST_PROCESSES),
    metavar="N",
    help="How many processes speak with clients; with 0, the one that has the queue. "
    "By default one for each processor if root has started it and there are more than two, else 0.",
)
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
    smtp_processes: int | None,
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
    account = _account(user, machine)
    count = _count(smtp_processes, program, is_root=account is not None)
    outside = MachineSources(machine.root)
    spool = machine.locate(SPOOL)
    setting = Setting(program, site, outside, machine.locate, log, machine.root, account, spool, count)
    # Before there is anything that it should not have: keys, threads, descriptors.
    nursery = start_nursery(setting) if count else None
    name_process("queue" if nursery is not None else "server")
    seals = queue_seals(program.settings)
    rootless = None
    if account is not None:
        rootless = Rootless(program, account, machine.root, log, has_listeners=nursery is None)
    world = World(
        site=site,
        outside=outside,
        locate=machine.locate,
        spool=spool,
        supervisor=rootless.supervisor if rootless is not None else _supervisor(log),
        log=log,
        paused=frozenset(map(Route, paused)),
        rootless=rootless,
        seals=seals,
        nursery=nursery,
        programs=rootless.programs if rootless is not None else OwnStarter(),
    )
    try:
        # What there is now, stays: it need not be searched for garbage each time that a session leaves some.
        gc.collect()
        gc.freeze()
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(Server(program, world).run())
    except _REASONS as error:
        message = f"{error}{_advice(error, machine)}"
        raise CannotServeError(message) from None


def _advice(error: Exception, machine: Machine) -> str:
    """Say what an ordinary user can do who is no server of this machine."""
    is_refused = isinstance(error, SpoolError) and isinstance(error.__cause__, PermissionError)
    if not is_refused or os.geteuid() == 0 or machine.is_test_bed:
        return ""
    return "; to try a server without root, name a folder of yours with --root"


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


def _account(user: str | None, machine: Machine) -> Account | None:
    """Return the account that a server of root's becomes."""
    if os.geteuid() != 0:
        if user is not None:
            message = "--user is for root: nobody else can become another account"
            raise click.UsageError(message)
        return None
    try:
        return service_account(user, is_test_bed=machine.is_test_bed)
    except PrivilegeError as error:
        if user is not None:
            message = f"--user: {error}"
            raise click.UsageError(message) from None
        raise CannotServeError(str(error)) from None


def _count(asked: int | None, program: Program, *, is_root: bool) -> int:
    """Return how many processes are to speak with clients."""
    reason = reason_to_be_alone(program)
    if asked and reason is not None:
        message = (
            f"--smtp-processes {asked}: {reason.why} ({reason.span.place}), and is asked by one process:"
            " leave the option out"
        )
        raise click.UsageError(message)
    if asked is not None:
        return asked
    if reason is not None:
        return 0
    processors = _processors()
    # On one or two of them, what passes between processes costs more than they gain.
    return min(processors, _MOST_BY_DEFAULT) if is_root and processors > _FEW_PROCESSORS else 0


def _supervisor(log: StructuredLog) -> Supervisor:
    """Return who does the work of deliveries for an ordinary user."""
    name = account_of(os.geteuid()).name
    log.info(f'running as "{name}": whoever the mail is for, it is delivered with the rights of this user')
    return OwnSupervisor()


def _processors() -> int:
    """Return how many processors this process may use."""
    # Only some systems can tell that.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
