"""From a program to the parts of a server that send mail on: the queue, and the agents that it drives."""

from __future__ import annotations

import time
from pathlib import Path

from smtpdsl.ir.program import Program
from smtpdsl.ir.report_template import ReportTemplate, ReportTemplateError
from smtpdsl.ir.srs_settings import srs_of
from smtpdsl.runtime.bounces import Bouncer, PolicyRouter, ReportText
from smtpdsl.runtime.delivery.local import LocalAgent
from smtpdsl.runtime.dkim.keys import Keys
from smtpdsl.runtime.dkim.signer import Signer
from smtpdsl.runtime.interfaces import DeliveryAgent, Route
from smtpdsl.runtime.net.name_servers import NameServers
from smtpdsl.runtime.net.tls_files import Files
from smtpdsl.runtime.policy import Policy
from smtpdsl.runtime.queue.lanes import Limits
from smtpdsl.runtime.queue.manager import Queue, Settings
from smtpdsl.runtime.queue.retrying import RetryPlan, RetryRule
from smtpdsl.runtime.queue.store import lane_of_domain
from smtpdsl.runtime.relay.agent import RelayAgent
from smtpdsl.runtime.relay.exchangers import Exchangers, Own
from smtpdsl.runtime.relay.limits import RelayLimits
from smtpdsl.runtime.relay.outbound_security import OutboundSecurity
from smtpdsl.runtime.relay.senders import Senders
from smtpdsl.runtime.relay.table_answers import RelayTables
from smtpdsl.runtime.world import World

# A 250 goes by way of an SMTP process to its client; measured on two processors, it comes 0.6 ms sooner so.
_HEAD_START_SECONDS = 0.002


def relay_agent(
    program: Program, world: World, dns: NameServers, files: Files, tables: RelayTables | None = None
) -> RelayAgent:
    """Return the agent that sends mail on; it never sends any to this server.  *tables* live elsewhere.

    Raises:
        TlsSetupError: A certificate or a key cannot be used.
    """
    names = [world.site.server_name, *(listener.hostname.value for listener in program.listeners)]
    exchangers = Exchangers(dns, Own.of(names, world.site.addresses), time.monotonic)
    agent = RelayAgent(
        program.actions,
        world.site.server_name,
        exchangers=exchangers,
        relay_limits=RelayLimits(program.settings),
        senders=Senders(srs_of(program.settings), world.clock),
        signer=_signer(program, world, files),
        security=OutboundSecurity.of(dns, world.spool, world.site.server_name, world.clock, world.log),
        locate=world.locate,
        files=files,
        log=world.log,
    )
    if tables is not None:
        agent.ask_elsewhere(tables)
    return agent


def _signer(program: Program, world: World, files: Files) -> Signer | None:
    """Return who signs what leaves, if there are keys."""
    if not program.settings.dkim_keys:
        return None
    keys = Keys(program.settings.dkim_keys, world.locate, world.log, files)
    return Signer(keys, world.site.addresses, world.clock)


def _retry_plan(program: Program) -> RetryPlan:
    rules = program.settings.retries
    return RetryPlan(RetryRule(Route(each.route), each.delays, each.domain, each.status) for each in rules)


def mail_queue(program: Program, world: World, policy: Policy, relay: RelayAgent) -> Queue:
    """Return the queue, which keeps its mail in the spool; nothing is opened yet.

    Raises:
        ReportTemplateError: The template of reports cannot be used.
    """
    local = LocalAgent(
        program.actions, world.site, policy.account, world.locate, world.supervisor, elsewhere=policy.tables
    )
    limits = program.settings.mda_limits
    max_inflight = program.settings.scheduler_limits["max-inflight"].value
    relay_limits = RelayLimits(program.settings)
    settings = Settings(
        local=Limits(limits["max-session"].value, limits["max-session-per-user"].value),
        # How many connections there are is for the agent to say; mail that waits for one needs hardly anything.
        relay=Limits(max_inflight, relay_limits.ready, relay_limits.ready_of_domains()),
        max_inflight=max_inflight,
        paused=world.paused,
        warn_after=program.settings.warn_intervals.value,
        seals=world.seals,
        plan=_retry_plan(program),
        max_hurried=program.settings.mta_max_deferred.value,
        head_start=_HEAD_START_SECONDS if world.nursery is not None else 0.0,
    )
    agents: dict[Route, DeliveryAgent] = {Route.LOCAL: local, Route.RELAY: relay}
    name = world.site.server_name
    reporter = Bouncer(name, PolicyRouter(policy, name), _report_text(program, world))
    queue = Queue(world.spool, agents, world.log, world.clock, settings, reporter=reporter)
    relay.when_alive(lambda domain: queue.hurry(lane_of_domain(domain)), settings.max_hurried)
    return queue


def _report_text(program: Program, world: World) -> ReportText:
    path = program.settings.bounce_template.value
    return ReportText(None if path is None else _template(world.locate(path)), world.log)


def _template(path: str) -> ReportTemplate:
    try:
        return ReportTemplate(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, ReportTemplateError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        message = f'the report template "{path}" cannot be used: {reason}'
        raise ReportTemplateError(message) from None
