"""The socket through which programs of this machine send mail."""

from __future__ import annotations

import os
import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from smtpdsl.ir.resolved import Listener
from smtpdsl.runtime.net.listener import ListenError
from smtpdsl.runtime.net.local_socket import local_socket
from smtpdsl.runtime.own_account import account_of
from tests.worlds import ruleset_of

# Seconds are for a test that fails.
_RACES, _SERVERS, _PATIENCE = 100, 4, 30


def listener_of(text: str = "match from any for any reject\nlisten on socket mask-src\n") -> Listener:
    """Compile a listener."""
    return ruleset_of(text).listeners[-1]


def reason(path: Path, listener: Listener | None = None) -> str:
    """Fail to listen, and return the reason."""
    with pytest.raises(ListenError) as failed, local_socket(listener or listener_of(), str(path)):
        pass
    return str(failed.value)


def test_anybody_may_connect(tmp_path: Path) -> None:
    """Whatever the mask of the process is; its folder is made if there is none."""
    path = tmp_path / "var" / "run" / "smtpdsl.sock"
    with local_socket(listener_of(), str(path)) as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        assert not server.getblocking()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            connection, _ = server.accept()
            connection.close()
    assert not path.exists()


def test_a_server_that_was_killed_leaves_a_socket_behind(tmp_path: Path) -> None:
    """Nobody listens there, so the next one takes its place."""
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))

    with local_socket(listener_of(), str(path)), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


@pytest.mark.parametrize("backlog", [0, 5])
def test_a_server_that_lives_keeps_its_socket(tmp_path: Path, backlog: int) -> None:
    """The sentence names path and line; a server that is busy is one as well."""
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as waiting:
        other.bind(str(path))
        other.listen(backlog)
        waiting.connect(str(path))

        said = reason(path)
        assert said == f"cannot listen on {path} (smtpd.conf:2): another server listens there"
        assert path.exists()


def test_of_servers_that_start_at_once_one_listens(tmp_path: Path) -> None:
    """On the path that a killed one has left: none of the others takes it for that one's, and removes it."""
    path = tmp_path / "sock"
    for _ in range(_RACES):
        with socket.socket(socket.AF_UNIX) as killed:
            killed.bind(str(path))
        together, done = (Barrier(_SERVERS, timeout=_PATIENCE) for _ in range(2))

        def start(together: Barrier = together, done: Barrier = done) -> bool:
            together.wait()
            try:
                with local_socket(listener_of(), str(path)):
                    done.wait()
                    with socket.socket(socket.AF_UNIX) as client:
                        client.connect(str(path))
                    done.wait()
                    return True
            except ListenError:
                done.wait()
                done.wait()
                return False

        with ThreadPoolExecutor(_SERVERS) as pool:
            servers = [pool.submit(start) for _ in range(_SERVERS)]
        assert [server.result() for server in servers].count(True) == 1
        assert not path.exists()


def test_what_is_no_socket_stays(tmp_path: Path) -> None:
    """A file or a link of that name is not ours to remove."""
    path, target = tmp_path / "sock", tmp_path / "target"
    path.symlink_to(target)
    assert reason(path).endswith("there is something that is no socket; move it away")
    assert path.is_symlink()

    path.unlink()
    path.write_text("precious")
    assert "something that is no socket" in reason(path)
    assert path.read_text() == "precious"


def test_a_path_may_be_too_long(tmp_path: Path) -> None:
    """The kernel has 108 octets for it."""
    said = reason(tmp_path / ("x" * 100) / "sock")

    assert said.endswith("/sock (smtpd.conf:2): the path is too long for a socket")


def test_a_socket_that_nobody_wrote_has_no_line(tmp_path: Path) -> None:
    """It is there without a statement."""
    listener = listener_of("match from any for any reject\n")
    path = tmp_path / "sock"
    path.write_text("")

    assert reason(path, listener) == f"cannot listen on {path}: there is something that is no socket; move it away"


def test_a_socket_of_somebody_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel does not tell an ordinary user whether anybody listens there."""
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)

        said = reason(path)

    owner = account_of(path.stat().st_uid).name
    assert f'there is a socket of "{owner}"; if no server of that user runs, it is left over' in said


def test_the_socket_of_another_server_is_not_removed(tmp_path: Path) -> None:
    """What stands there at the end may be somebody else's."""
    path = tmp_path / "sock"
    with local_socket(listener_of(), str(path)):
        path.unlink()
        path.write_text("other")

    assert path.read_text() == "other"
