"""Where root listens as long as one process does everything."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from smtpdsl.runtime import exposure
from smtpdsl.runtime.exposure import exposed_as_root, in_private_network
from tests.peers import ROOT
from tests.worlds import ruleset_of


def exposed(monkeypatch: pytest.MonkeyPatch, address: str, *, uid: int = 0, is_private: bool = False) -> bool:
    """Ask about a listener on *address*."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(exposure, "in_private_network", lambda: is_private)
    return exposed_as_root(ruleset_of(f"listen on {address}\nmatch from any for any reject\n").listeners) is not None


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.0.1", "::1", "lo"])
def test_loopback_is_for_root_too(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Nobody from outside gets there."""
    assert not exposed(monkeypatch, address)


@pytest.mark.parametrize("address", ["192.0.2.1", "0.0.0.0", "::", "eth0"])  # noqa: S104 - what is asked about
def test_other_addresses_are_not(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Unless the network is private, or the user is not root."""
    assert exposed(monkeypatch, address)
    assert not exposed(monkeypatch, address, uid=1000)
    assert not exposed(monkeypatch, address, is_private=True)


@pytest.mark.usefixtures("private_namespaces")
def test_a_network_namespace_of_its_own_is_private() -> None:
    """And that of the machine is not."""
    ask = "from smtpdsl.runtime.exposure import in_private_network; print(in_private_network())"
    command = ["unshare", "--net", sys.executable, "-c", ask]
    inside = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)

    assert inside.stdout == "True\n"
    assert not in_private_network()
