"""Where the server listens, and why it cannot."""

from __future__ import annotations

import socket

import pytest

from smtpdsl.ir.resolved import Endpoint, Listener
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.runtime.net.listener import ListenError, bind, name_at
from tests.worlds import ruleset_of


def listener_of(options: str = "") -> Listener:
    """Compile a listener."""
    return ruleset_of(f"listen on 127.0.0.1 port 2525 {options}\nmatch from any for any reject\n").listeners[0]


def reason(endpoint: Endpoint) -> str:
    """Fail to listen, and return the reason."""
    with pytest.raises(ListenError) as failed:
        bind(listener_of(), endpoint)
    return str(failed.value)


def test_another_program_may_be_there_first() -> None:
    """The sentence names the address and the line."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = reason(Endpoint(address="127.0.0.1", port=port))

    assert said == f"cannot listen on 127.0.0.1 port {port} (smtpd.conf:1): another program listens there"


def test_an_address_may_be_somebody_elses() -> None:
    """A configuration of another machine says so when it is served."""
    assert "this machine does not have that address" in reason(Endpoint(address="192.0.2.77", port=2525))


def test_a_port_is_free_again_at_once() -> None:
    """A restart does not wait for connections of the last run."""
    with bind(listener_of(), Endpoint(address="127.0.0.1", port=0)) as first:
        port = first.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), first.accept()[0]:
            pass
    with bind(listener_of(), Endpoint(address="127.0.0.1", port=port)) as second:
        assert second.getsockname() == ("127.0.0.1", port)


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6 here")
def test_both_families_may_have_the_same_port() -> None:
    """A listener of one family takes nothing from the other."""
    try:
        six = bind(listener_of(), Endpoint(address="::", port=0))
    except ListenError as error:
        pytest.skip(str(error))
    port = six.getsockname()[1]
    with six, bind(listener_of(), Endpoint(address="127.0.0.1", port=port)) as four:
        assert four.getsockname()[1] == port


@pytest.mark.parametrize(
    ("options", "address", "name"),
    [
        ("", "127.0.0.1", "mail.example.org"),
        ("hostname mx.test", "127.0.0.1", "mx.test"),
        ('hostname mx.test hostnames { "127.0.0.1" = "one.test" }', "127.0.0.1", "one.test"),
        ('hostname mx.test hostnames { "127.0.0.2" = "two.test" }', "127.0.0.1", "mx.test"),
        ('hostname mx.test hostnames { "[::1]" = "six.test" }', "::1", "six.test"),
    ],
)
def test_the_name_of_the_server_depends_on_the_address(options: str, address: str, name: str) -> None:
    """`hostnames` for that address, else `hostname`, else the name of this machine."""
    assert name_at(listener_of(options), Endpoint(address=address, port=25), TableIndex()) == name
