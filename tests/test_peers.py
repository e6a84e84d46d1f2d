"""The peers themselves: they are what the tests take them for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RequirePeer
from tests.peers import PEERS, look_for, wait_until_listening


@pytest.fixture
def sink(require_peer: RequirePeer, tmp_path: Path) -> Iterator[Path]:
    """Yield the socket of an smtp-sink that writes each message to a file beside it."""
    path = tmp_path / "sink"
    user = ["-u", "root"] if os.geteuid() == 0 else []
    server = require_peer("smtp-sink").start(
        *user, "-d", str(tmp_path / "message."), f"unix:{path}", "10", stderr=subprocess.PIPE
    )
    with server:
        wait_until_listening(path, server)
        yield path
        server.terminate()


def messages_of(sink: Path) -> list[str]:
    """Return what *sink* has taken."""
    return [path.read_text() for path in sink.parent.glob("message.*")]


def test_source_and_sink(require_peer: RequirePeer, sink: Path) -> None:
    """What smtp-source sends, smtp-sink takes."""
    done = require_peer("smtp-source").run(
        "-s", "2", "-m", "4", "-f", "joe@example.org", "-t", "ann@example.net", f"unix:{sink}"
    )

    assert done.returncode == 0, done.stderr
    messages = messages_of(sink)
    assert len(messages) == 4
    assert all("X-Mail-Args: <joe@example.org>" in message for message in messages)


def test_swaks(require_peer: RequirePeer, sink: Path) -> None:
    """Swaks sends what it is told."""
    done = require_peer("swaks").run(
        "--socket", sink, "--from", "joe@example.org", "--to", "ann@example.net", "--helo", "x"
    )

    assert done.returncode == 0, done.stdout
    assert "To: ann@example.net" in messages_of(sink)[0]


def test_server_that_never_listens(tmp_path: Path) -> None:
    """Whoever waits for a server that has ended is told what it said."""
    command = ["sh", "-c", "echo no such port >&2; exit 3"]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE) as server,
        pytest.raises(ConnectionError, match="status 3: no such port"),
    ):
        wait_until_listening(tmp_path / "nothing", server)


@pytest.mark.parametrize("name", PEERS)
def test_missing_peer(name: str, tmp_path: Path) -> None:
    """The reason to skip names the command that unpacks the peer."""
    assert f"`.ci/peers {PEERS[name].package}`" in str(look_for(name, [tmp_path]))


@pytest.mark.parametrize("script", ["#!/bin/sh\necho another release\n", "#!/no/such/interpreter\n"])
def test_other_release(script: str, tmp_path: Path) -> None:
    """A program that is not the one wanted, or that does not start, is no peer."""
    program = tmp_path / "usr/bin/swaks"
    program.parent.mkdir(parents=True)
    program.write_text(script)
    program.chmod(0o755)

    assert f"{program} is not what is wanted" in str(look_for("swaks", [tmp_path]))
