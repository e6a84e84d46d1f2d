"""The file of hosts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smtpdsl.runtime.net.hosts import HostsFile
from smtpdsl.runtime.net.ip_address import IpAddress

TEXT = """\
127.0.0.1 localhost here # a remark
::1       localhost six
192.0.2.7\tprinter.test printer
192.0.2.7 again.test
192.0.2.8 in_the_open.test
192.0.2.9 no!name
192.0.2.10
not.an.address name.test
# 192.0.2.11 commented.test
fe80::1%eth0 scoped.test
"""


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("127.0.0.1", "localhost"),
        ("0:0::1", "localhost"),
        ("192.0.2.7", "printer.test"),
        ("192.0.2.8", "in_the_open.test"),
        ("192.0.2.9", None),
        ("192.0.2.10", None),
        ("192.0.2.11", None),
    ],
)
def test_the_first_name_of_the_first_line_holds(address: str, name: str | None, tmp_path: Path) -> None:
    """Aliases, later lines and what is no name do not count."""
    path = tmp_path / "hosts"
    path.write_text(TEXT, encoding="utf-8")
    found = IpAddress.parse(address)

    assert found is not None
    assert HostsFile(os.fspath(path)).name(found) == name


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    """Without a file there are no names; one that vanishes is remembered."""
    path = tmp_path / "hosts"
    hosts, address = HostsFile(os.fspath(path)), IpAddress(is_ipv6=False, value=0xC0000201)

    assert hosts.name(address) is None
    for name in ("one.test", "another.test"):
        path.write_text(f"192.0.2.1 {name}\n", encoding="utf-8")
        assert hosts.name(address) == name
    path.unlink()
    assert hosts.name(address) == "another.test"


@pytest.mark.parametrize(
    ("text", "is_near"),
    [
        ("127.255.255.255", True),
        ("128.0.0.0", False),
        ("126.255.255.255", False),
        ("169.254.0.1", True),
        ("10.0.0.1", False),
        ("::1", True),
        ("::2", False),
        ("fe80::1", True),
        ("febf::1", True),
        ("fec0::1", False),
        ("2001:db8::1", False),
    ],
)
def test_addresses_that_nobody_else_can_know(text: str, *, is_near: bool) -> None:
    """Loopback and link-local ones."""
    address = IpAddress.parse(text)

    assert address is not None
    assert address.is_near is is_near


@pytest.mark.parametrize("text", ["local", "", "[::1]", "fe80::1%eth0", "1.2.3", "256.0.0.1"])
def test_what_is_no_address(text: str) -> None:
    """Brackets and scopes belong to what shows one."""
    assert IpAddress.parse(text) is None
