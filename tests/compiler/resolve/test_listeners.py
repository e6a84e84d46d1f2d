"""Listeners: addresses, ports, TLS, and what they say by default."""

from __future__ import annotations

import pytest

from smtpdsl.diagnostics.diagnostic import Severity
from smtpdsl.ir.resolved import Endpoint, Listener, ListenerTls
from tests.worlds import SERVER, compile_text, pointed_at

RULE = 'action "in" mbox\nmatch from local for local action "in"\n'


def listener(text: str) -> Listener:
    """Resolve the first listener of a configuration."""
    return compile_text(f"{RULE}{text}\n").ruleset.listeners[0]


@pytest.mark.parametrize(
    ("text", "endpoints"),
    [
        ("listen on lo", ["127.0.0.1", "::1"]),
        ("listen on lo inet4", ["127.0.0.1"]),
        ("listen on eth0 inet6", ["2001:db8::1", "fe80::1%eth0"]),
        ("listen on 192.0.2.7", ["192.0.2.7"]),
        ("listen on 2001:db8::7", ["2001:db8::7"]),
        ("listen on mx.example.org", ["198.51.100.1", "2001:db8:1::1"]),
        ("listen on 192.0.2.7 inet6", []),
    ],
)
def test_an_interface_an_address_or_a_name(text: str, endpoints: list[str]) -> None:
    """Tried in this order; a family keeps its addresses only."""
    assert [each.address for each in listener(text).endpoints] == endpoints


@pytest.mark.parametrize(
    ("options", "port"),
    [
        ("", 25),
        ("smtps pki c1", 465),
        ("tls pki c1", 25),
        ("port 587", 587),
        ("port submission", 587),
        ("port smtps", 465),
        ("port 24 smtps pki c1", 24),
    ],
)
def test_ports(options: str, port: int) -> None:
    """A number or a service; by default what the kind of TLS is for."""
    found = listener(f"listen on 192.0.2.1 {options}\npki c1 dhe none")

    assert found.endpoints == (Endpoint(address="192.0.2.1", port=port),)
    assert found.port.is_default is ("port" not in options)


@pytest.mark.parametrize(
    ("options", "tls", "verify"),
    [
        ("", ListenerTls.NONE, False),
        ("tls pki c1", ListenerTls.OFFERED, False),
        ("tls-require pki c1", ListenerTls.REQUIRED, False),
        ("tls-require verify pki c1", ListenerTls.REQUIRED, True),
        ("smtps verify pki c1", ListenerTls.IMPLICIT, True),
    ],
)
def test_tls_modes(options: str, tls: ListenerTls, *, verify: bool) -> None:
    """Offered, demanded, or from the start; with a client's certificate or without."""
    found = listener(f"listen on 192.0.2.1 {options}\npki c1 dhe none")

    assert (found.tls, found.verify) == (tls, verify)


def test_defaults_say_why() -> None:
    """The name of the server, no tag, the ciphers of `smtp ciphers`."""
    found = listener("listen on 192.0.2.1\nsmtp ciphers HIGH")

    assert (found.hostname.value, found.hostname.reason) == (SERVER, "the server's name")
    assert (found.tag.value, found.tag.is_default) == ("", True)
    assert (found.ciphers.value, found.ciphers.reason) == ("HIGH", "`smtp ciphers`")
    assert (found.auth, found.filter, found.mask_src, found.proxy_v2) == (None, None, False, False)


def test_auth_without_a_table_is_for_the_accounts_of_the_system() -> None:
    """Demanded or offered."""
    (demanded, offered, _) = compile_text(
        f"{RULE}pki c1 dhe none\nlisten on 192.0.2.1 tls pki c1 auth\n"
        'listen on 192.0.2.2 tls pki c1 auth-optional { joe = "$6$x" }\n'.replace('"$6$x"', "'$6$x'")
    ).ruleset.listeners

    assert demanded.auth is not None
    assert offered.auth is not None
    assert (demanded.auth.is_required, demanded.auth.table) == (True, None)
    assert not offered.auth.is_required
    assert offered.auth.table is not None


def test_the_local_socket_is_always_there() -> None:
    """With its defaults, unless a statement says more; its sessions had a tag up to 6.3."""
    plain = compile_text(RULE).ruleset.listeners
    written = compile_text(f"{RULE}listen on socket tag X mask-src\n").ruleset.listeners
    earlier = compile_text("accept for local deliver to mbox\n").ruleset.listeners

    assert [(each.is_socket, each.tag.value) for each in plain] == [(True, "")]
    assert [(each.is_socket, each.tag.value, each.mask_src) for each in written] == [(True, "X", True)]
    assert [(each.is_socket, each.tag.value) for each in earlier] == [(True, "local")]


@pytest.mark.parametrize(
    ("text", "message", "pointed", "help_text"),
    [
        (
            "listen on wlan7",
            'unknown-interface: "wlan7" is no interface, address or host name of this machine',
            "wlan7",
            "see `ip address` for the names",
        ),
        (
            'listen on "[::1]"',
            'unknown-interface: "[::1]" is no interface, address or host name of this machine',
            '"[::1]"',
            "write the address without brackets: `::1`",
        ),
        (
            "listen on all",
            'unknown-interface: "all" is no interface, address or host name of this machine',
            "all",
            "`all` is an interface group of BSD",
        ),
        ("listen on lo port 0", "unusable-value: a port is a number from 1 to 65535, found 0", "0", "25 is SMTP"),
        (
            "listen on lo port 65536",
            "unusable-value: a port is a number from 1 to 65535, found 65536",
            "65536",
            "25 is SMTP",
        ),
        (
            'listen on lo port "25"',
            'unusable-value: no TCP service is named "25"',
            '"25"',
            "write the number without quotes",
        ),
        (
            "listen on lo port nosuchservice",
            'unusable-value: no TCP service is named "nosuchservice"',
            "nosuchservice",
            "write the number, or a name of /etc/services",
        ),
        (
            "listen on lo lmtp",
            "misplaced-option: `lmtp` on port 25, where other servers speak SMTP",
            "lmtp",
            "give it a port of its own",
        ),
        ("listen on socket\nlisten on socket tag x", "duplicate-name: a second `listen on socket`", "", "join their"),
    ],
)
def test_what_cannot_be_listened_on(text: str, message: str, pointed: str, help_text: str) -> None:
    """One error at the word."""
    (found,) = compile_text(f"{RULE}{text}\n").findings

    assert f"{found.code.name}: {found.message}" == message
    assert found.severity is Severity.ERROR
    assert pointed_at(found) == (pointed or "listen on socket tag x")
    assert found.help.startswith(help_text)


def test_quotes_around_a_port_are_taken_away_by_fix() -> None:
    """`--fix` may do it unseen: nothing else can be meant."""
    (found,) = compile_text(f'{RULE}listen on lo port "25"\n').findings

    assert found.fix is not None
    assert (found.fix.safe, found.fix.edits[0].replacement) == (True, "25")
