"""`smtpdsl run FILE`: serve mail, in the foreground."""

from __future__ import annotations

import asyncio
import os
import pwd
from collections.abc import Callable

import click

from smtpdsl.cli.compiling import (
    compile_file,
    compiling_options,
    default_file,
    excerpt_colours,
    terminal_columns,
    wants_colour,
)
from smtpdsl.cli.machine import MachineSources, site_of
from smtpdsl.compiler.build_diagram import build_diagram
from smtpdsl.compiler.emit import emit
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.diagnostic import Diagnostic, Severity
from smtpdsl.diagnostics.render import render_text
from smtpdsl.ir.answers import Site
from smtpdsl.ir.program import Program
from smtpdsl.runtime.abilities import unable
from smtpdsl.runtime.daemon import Server, World
from smtpdsl.runtime.exposure import exposed_as_root
from smtpdsl.runtime.interfaces import Route, Supervisor
from smtpdsl.runtime.log import StructuredLog
from smtpdsl.runtime.net.listener import ListenError, shown
from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.supervisor.forking import ForkingSupervisor, start_forker
from smtpdsl.runtime.supervisor.own import OwnSupervisor

# Below the root, if there is one.
_SPOOL = "/var/spool/smtpdsl"


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
@click.option(
    "--expose-root", is_flag=True, help="As root, listen where strangers get to, though one process does everything."
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
    expose_root: bool,
    reference: bool,
) -> None:
    """Serve mail by a configuration, in the foreground; SIGTERM and Ctrl-C stop.

    The configuration is checked first.  Mail that has been taken is kept in /var/spool/smtpdsl (below --root).

    Exit status: 0 stopped, 1 the configuration has errors or cannot be served here, 2 wrong use.
    """
    path = file or default_file()
    program, site = _program(path, root, defines)
    if not reference:
        program = program.replace(diagram=build_diagram(program.rules, site))
    _refuse_exposure(program, expose_root=expose_root)
    log = StructuredLog(as_json=log_format == "json")
    # Deliveries are made by processes that work in other folders.
    machine = Machine(os.path.abspath(root) if root else "")  # noqa: PTH100 - no path is built
    world = World(
        site=site,
        outside=MachineSources(machine.root),
        locate=machine.locate,
        spool=machine.locate(_SPOOL),
        supervisor=_supervisor(log),
        log=log,
        paused=frozenset(map(Route, paused)),
    )
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(Server(program, world).run())
    except (ListenError, SpoolError) as error:
        raise CannotServeError(str(error)) from None


def _program(path: str, root: str, defines: dict[str, str]) -> tuple[Program, Site]:
    """Return the program of the file at *path*; what is found in it is printed, and an error is the end."""
    compiled = compile_file(path, root=root, defines=defines)
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


def _refuse_exposure(program: Program, *, expose_root: bool) -> None:
    exposed = None if expose_root else exposed_as_root(program.listeners)
    if exposed is not None:
        listener, endpoint = exposed
        message = (
            f"root does not listen on {shown(endpoint)} ({listener.span.place}): this version serves in one process, "
            "so a mistake in what talks to the network would give away the machine; run it as an ordinary user, "
            "in a network namespace of its own, or with --expose-root"
        )
        raise CannotServeError(message)


def _supervisor(log: StructuredLog) -> Supervisor:
    """Return who does the work of deliveries; as root it is forked off before there is anything else to inherit."""
    if os.geteuid() == 0:
        return ForkingSupervisor(start_forker(), log.warn)
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
