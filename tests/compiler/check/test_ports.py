"""Listeners together: addresses taken twice, and what a port is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.compiler.pipeline import compile_octets
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.diagnostic import Report
from tests.checking import AROUND_LISTENERS as AROUND
from tests.checking import check_listeners as check
from tests.checking import check_text, codes, shown


@pytest.mark.parametrize(
    "text",
    [
        "listen on 127.0.0.1\nlisten on 127.0.0.2\nlisten on ::1",
        "listen on 0.0.0.0\nlisten on ::",
        "listen on 0.0.0.0\nlisten on 127.0.0.1 port 26",
        "listen on eth0 tls pki mail\nlisten on eth0 smtps pki mail auth",
        "listen on eth0 inet4\nlisten on eth0 inet6",
        "listen on eth0\nlisten on lo\nlisten on socket",
    ],
)
def test_listeners_beside_each_other(text: str, tmp_path: Path) -> None:
    """Different addresses, families and ports do not meet."""
    assert shown(check(text, tmp_path)) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("127.0.0.1", "127.0.0.1 port 25"),
        ("::", "::1"),
        ("2001:db8::1", "::"),
        ("eth0", "eth0 tag again"),
        ("eth0", "eth0 inet6"),
    ],
)
def test_same_address_and_port(first: str, second: str, tmp_path: Path) -> None:
    """The second of two listeners in each other's way is told, with the first one beside it."""
    [finding] = check(f"listen on {first}\nlisten on {second}", tmp_path)

    assert shown([finding]) == [f"2:11 error duplicate-listener {second.partition(' ')[0]!r}"]
    assert [place.span.text for place in finding.related] == [first]


class TwoCards(Machine):
    """A machine whose interfaces share a link-local address, as VLANs on one card do."""

    def addresses(self, interface: str) -> tuple[str, ...]:
        """Give each interface an address of its own, and the same one on its link."""
        return (f"192.0.2.{interface[-1]}", "fe80::1")


def test_link_local_addresses_belong_to_their_link(tmp_path: Path) -> None:
    """The same link-local address on two interfaces is two addresses."""
    text = f"listen on vlan1\nlisten on vlan2\nlisten on 192.0.2.2\n{AROUND}"
    report = Report()
    compile_octets("smtpd.conf", text.encode(), TwoCards(str(tmp_path)), report)

    found = [each for each in report.diagnostics if each.code.name == "duplicate-listener"]
    assert shown(found) == ["3:11 error duplicate-listener '192.0.2.2'"]


@pytest.mark.parametrize(
    ("options", "finding", "words"),
    [
        ("port 465 tls pki mail auth", "1:21 warning plain-submission '465'", "with `tls`"),
        ("port submission smtps pki mail auth", "1:21 warning plain-submission 'submission'", "with `smtps`"),
        ("port 587", "1:21 warning plain-submission '587'", "port 587 without TLS and without `auth`"),
        ("smtps pki mail", "1:16 warning plain-submission 'smtps'", "port 465 without `auth`"),
        ("port 587 auth", "1:25 error missing-option 'auth'", "`auth` without TLS"),
    ],
)
def test_ports_for_submission(options: str, finding: str, words: str, tmp_path: Path) -> None:
    """Ports 465 and 587 have a kind of TLS each, and ask for a login; what lacks is told at once."""
    findings = check(f"listen on eth0 {options}", tmp_path)

    assert shown(findings) == [finding]
    assert words in findings[0].message


@pytest.mark.parametrize(
    "listener",
    [
        "lo port 587",
        "127.0.0.1 port 465",
        "eth0 port 587 tls pki mail auth-optional",
        "eth0 port 587 proxy-v2",
        "eth0 port 2525",
    ],
)
def test_ports_that_may_be_plain(listener: str, tmp_path: Path) -> None:
    """Programs of this host, proxies and other ports are free to do without."""
    assert shown(check(f"listen on {listener}", tmp_path)) == []


def test_exchanger_that_demands_a_login(tmp_path: Path) -> None:
    """Port 25 with `auth` is told if a rule waits for other servers, and no other listener takes them."""
    closed = "listen on eth0 tls pki mail auth"
    inbound = 'action "in" mbox\nmatch from any for domain "example.org" action "in"'

    findings = check(f"{closed}\n{inbound}", tmp_path)
    assert shown(findings) == ["1:29 warning mandatory-auth 'auth'"]
    assert [place.span.text[:5] for place in findings[0].related] == ["match"]
    assert shown(check(f"{closed}\nlisten on eth1\n{inbound}", tmp_path)) == []
    assert shown(check(closed, tmp_path)) == []


def test_no_listener_at_all(tmp_path: Path) -> None:
    """A file without a listener for the network is told so, unless it says that it means the socket."""
    local = 'action "out" relay\nmatch from local for any action "out"\n'

    assert codes(check_text(local, tmp_path)) == ["no-listener"]
    assert codes(check_text(f"listen on socket\n{local}", tmp_path)) == []
    assert codes(check_text(f"listen on lo\n{local}", tmp_path)) == []


def test_no_listener_for_mail_from_elsewhere(tmp_path: Path) -> None:
    """Rules for incoming mail need more than the socket."""
    text = 'listen on socket\naction "in" mbox\nmatch from any for local action "in"\n'

    findings = check_text(text, tmp_path)
    assert codes(findings) == ["no-listener"]
    assert [place.span.text[:14] for place in findings[0].related] == ["match from any"]
