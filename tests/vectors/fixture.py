"""The fixture of the vectors, as the lines of a configuration, some of which may not be served yet.

    Line("listen on 127.0.0.1 port 2501 tag MX hostname mx.test")      has to be served
    Line('action "mbox" mbox …', part="mbox")                          if not, all lines of the part are left out

Which lines are served is asked of the server itself, so a part that is built is used from then on.
Some listeners need a part; a vector whose part is missing is not judged, but counted.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tests.ports import reserve_port
from tests.vectors.played import LOGIN, Door
from tests.vectors.process import Refusal

USERS = ("alice", "bob", "o'brien")
# Who gets the mail: as root nobody who runs the tests.
UID = os.getuid() or 1000
SRS_KEY = "vectors of mx.test"
# Mail for this user is accepted and fails for good.
DOOMED = "bounces-forever"

_HASH = "$6$mxtest$.CMbBQgwJrYjWheaqRiCrGrkS5DlP2HZdu8L3HMCFMh/ChXZWL518kmbO2IONoUbwgoSCxj38k.UDu5uJkD4q0"
_DOMAINS = '{ "local.test", "kiosk.test", "mx.test" }'
_VIRTUALS = '{ "x@virt.test" = "alice", "info@virt.test" = "bob" }'
# Without these nothing can be said of the vectors with such a setup.
_VITAL = ("action", "table program")

# To the exchangers that the DNS names.
BY_NAME = "relay by MX"
# Those whose lines are the same in every fixture.
_OF_EVERY_FIXTURE = ("mbox", "filter program", "srs", BY_NAME)

# The part that a listener cannot do without.
PARTS = {"mx-mbox": "mbox", "mx-filtered": "filter program", "mx-srs": "srs"}


class Line(NamedTuple):
    """A line of the configuration, and the part that it belongs to; without one it has to be served."""

    text: str
    part: str = ""


class Route(NamedTuple):
    """A listener of its own for our client: what comes in there leaves by *action*, for *domain*."""

    name: str
    action: str
    domain: str
    port: int
    part: str = ""


class Changes(NamedTuple):
    """What a setup changes in the fixture; an empty text or tuple leaves it as it is."""

    action: str = ""
    virtual_action: str = ""
    aliases: str = ""
    first_rules: tuple[Line, ...] = ()
    userbase: str = ""
    virtuals: str = ""
    filter_behaviour: str = "judge"


def listener_ports() -> dict[str, Door]:
    """Choose a port for each listener."""
    doors = {name: Door(reserve_port()) for name in ("mx", "mx-plain", *PARTS, "mx-proxy", "sub")}
    submission = doors["sub"].port
    doors["sub-tls"] = Door(submission, starts_tls=True)
    doors["sub-auth"] = Door(submission, starts_tls=True, logs_in=True)
    doors["smtps"] = Door(reserve_port(), is_implicit_tls=True)
    return doors


def configuration(
    doors: Mapping[str, Door], sink: int, changes: Changes, routes: Sequence[Route], filter_command: str
) -> list[Line]:
    """Return the lines of the fixture."""
    return [
        *_settings(changes),
        *_listeners(doors, filter_command),
        *_actions(changes, sink),
        *changes.first_rules,
        *_rules(),
        *_routes(routes),
    ]


def _settings(changes: Changes) -> list[Line]:
    users = ", ".join(f'"{name}" = "{UID}:{UID}:/home/{name}"' for name in (*USERS, DOOMED))
    usual_users = f'{{ {users}, "root" = "0:0:/root" }}'
    return [
        Line("smtp max-message-size 1048576"),
        Line("smtp limit max-rcpt 100 max-errors 20 max-connections-per-source 100"),
        # A connection that is kept for the next message would look like one that was forgotten.
        Line("mta limit session-keepalive 1"),
        Line("smtp limit command-timeout 10s handshake-timeout 10s data-grace 5s min-data-rate 500"),
        Line('pki mx.test cert "/etc/ssl/mx.test.pem"'),
        Line('pki mx.test key "/etc/ssl/private/mx.test.key"'),
        Line(f"table locals {_DOMAINS}"),
        Line(f"table users {changes.userbase or usual_users}", part="table program" if changes.userbase else ""),
        Line(f'table logins {{ "{LOGIN}" = "{_HASH}" }}'),
        Line('table aliases "/etc/mail/aliases"'),
        Line(f"table virtuals {changes.virtuals or _VIRTUALS}"),
        Line(f'srs key "{SRS_KEY}"', part="srs"),
    ]


def _listeners(doors: Mapping[str, Door], filter_command: str) -> list[Line]:
    def listen(name: str, tag: str, words: str = "", part: str = "") -> Line:
        where = f"listen on 127.0.0.1 port {doors[name].port} tag {tag} hostname mx.test"
        return Line(f"{where} {words}".rstrip(), part)

    return [
        listen("mx", "MX", "tls pki mx.test"),
        listen("mx-plain", "MX", "no-chunking"),
        listen("mx-mbox", "MBOX"),
        Line(f'filter "judge" proc-exec "{filter_command}"', part="filter program"),
        listen("mx-filtered", "MX", 'filter "judge"', part="filter program"),
        listen("mx-proxy", "MX", "proxy-v2"),
        listen("mx-srs", "SRS", part="srs"),
        listen("sub", "SUB", "tls-require pki mx.test auth-optional <logins>"),
        listen("smtps", "MX", "smtps pki mx.test auth-optional <logins>"),
    ]


def _actions(changes: Changes, sink: int) -> list[Line]:
    relay = f"relay host smtp+notls://127.0.0.1:{sink}"
    return [
        Line(f'action "in" {changes.action or "maildir"} userbase <users> alias <aliases>', part="action"),
        Line(
            f'action "virtual" {changes.virtual_action or "maildir"} userbase <users> virtual <virtuals>', part="action"
        ),
        Line('action "doomed" mda "exit 67" userbase <users>'),
        Line('action "mbox" mbox userbase <users> alias <aliases>', part="mbox"),
        Line(f'action "out" {relay}'),
        Line(f'action "forward" {relay} srs', part="srs"),
    ]


def _rules() -> list[Line]:
    """Everything comes from this machine, so the listener's tag says who is local."""
    return [
        Line(f'match from any for rcpt-to "{DOOMED}@local.test" action "doomed"'),
        Line('match tag MBOX from any for domain <locals> action "mbox"', part="mbox"),
        Line('match from any for domain <locals> action "in"', part="action"),
        Line('match from any for domain "virt.test" action "virtual"', part="action"),
        Line('match tag SUB from auth for any action "out"'),
        Line('match tag SRS from any for domain "remote.test" action "forward"', part="srs"),
    ]


def _routes(routes: Iterable[Route]) -> list[Line]:
    lines: list[Line] = []
    for route in routes:
        part = route.part or route.name
        lines += [
            Line(f"listen on 127.0.0.1 port {route.port} tag {route.name} hostname mx.test", part),
            Line(f'action "{route.name}" {route.action}', part),
            Line(f'match tag {route.name} from any for domain "{route.domain}" action "{route.name}"', part),
        ]
    return lines


class Knowledge:
    """What is known of the server under test; what one stage has learnt, the next need not ask.

    *refused* are the parts that it does not serve, and what it says of them.
    """

    def __init__(self, module: str = "smtpdsl") -> None:
        """Know that it is run as *module*, and nothing else."""
        self.module = module
        self.refused: dict[str, str] = {}
        self.is_first = asyncio.Lock()
        self.has_asked = False


class Configuration:
    """The lines that are served, as far as the server has said so."""

    def __init__(self, lines: Sequence[Line], knowledge: Knowledge) -> None:
        """Begin with *lines*, but for those that are known to be refused."""
        self._knowledge = knowledge
        self.missing = dict(knowledge.refused)
        """Parts that are not served, and what the server says of them."""
        self.lines = [line for line in lines if line.part not in self.missing]

    @property
    def text(self) -> str:
        """What is written into the file: a line of text for each line."""
        return "".join(f"{line.text}\n" for line in self.lines)

    @property
    def useless(self) -> str:
        """Why nothing can be judged at all, or nothing."""
        return next((f"{part}: {self.missing[part]}" for part in _VITAL if part in self.missing), "")

    def remove(self, refusals: Iterable[Refusal]) -> list[str]:
        """Take out what is not served; return what is refused and belongs to no part, which cannot be."""
        found = {self.lines[refusal.line - 1]: refusal.text for refusal in refusals}
        for line, text in found.items():
            self.missing.setdefault(line.part, text)
            if line.part in _OF_EVERY_FIXTURE:
                self._knowledge.refused.setdefault(line.part, text)
        self.lines = [line for line in self.lines if not line.part or line.part not in self.missing]
        return [f"{line.text}: {text}" for line, text in found.items() if not line.part]
