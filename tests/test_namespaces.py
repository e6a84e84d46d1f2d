"""Private namespaces: what is seen inside, and that nothing is left of them."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.namespaces import Host, UnavailableError, private

pytestmark = pytest.mark.usefixtures("private_namespaces")

ROOT = Path(__file__).parent.parent

# Prints who has connected to port 25 of the address given.
SERVER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 25), family=family) as listener:
    print("ready", flush=True)
    connection, peer = listener.accept()
    connection.close()
    print(peer[0])
"""
CLIENT = "import socket, sys; socket.create_connection((sys.argv[1], 25), 30).close()"


def interfaces(host: Host) -> dict[str, set[str]]:
    """Return the IPv4 addresses of each interface that *host* sees."""
    listed = json.loads(host.run(["ip", "-json", "-4", "address"]).stdout)
    return {each["ifname"]: {address["local"] for address in each["addr_info"]} for each in listed}


def wait_for_end(pid: int) -> bool:
    """Wait until the process *pid* of the outside has ended; False if it does not."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with open(descriptor) as ended:  # noqa: PTH123 - a descriptor, not a path
        return bool(select.select([ended], [], [], 30)[0])


def test_only_loopback_is_there() -> None:
    """Inside there is a loopback interface that is up, and none of the interfaces outside."""
    with private() as host:
        assert interfaces(host) == {"lo": {"127.0.0.1"}}


def test_address_on_a_pair() -> None:
    """A host that is connected has the address it was given, and the other one its own."""
    with private() as host:
        other = host.connect("1.2.3.4/24", "1.2.3.5/24")

        assert sorted(interfaces(host).values(), key=sorted) == [{"1.2.3.4"}, {"127.0.0.1"}]
        assert sorted(interfaces(other).values(), key=sorted) == [{"1.2.3.5"}, {"127.0.0.1"}]


@pytest.mark.parametrize(("address", "other"), [("1.2.3.4", "1.2.3.5"), ("2001:db8::4", "2001:db8::5")])
def test_client_has_an_address_of_its_own(address: str, other: str) -> None:
    """A server inside is reached from the other host, and sees that host's address."""
    length = "64" if ":" in address else "24"
    with private() as host:
        client = host.connect(f"{address}/{length}", f"{other}/{length}")
        server = host.popen([sys.executable, "-c", SERVER, address], stdout=subprocess.PIPE, text=True)
        assert server.stdout
        assert server.stdout.readline() == "ready\n"

        assert client.run([sys.executable, "-c", CLIENT, address]).returncode == 0
        assert server.stdout.read() == f"{other}\n"


def test_bind_is_seen_inside_only(tmp_path: Path) -> None:
    """A file and a folder stand in for others, and the outside does not notice."""
    (tmp_path / "passwd").write_text("joe:x:1000:1000::/home/joe:/bin/sh\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "only-here").touch()
    before = Path("/etc/passwd").read_text()
    with private({tmp_path / "passwd": "/etc/passwd", programs: "/usr/local/bin"}) as host:
        assert host.run(["cat", "/etc/passwd"]).stdout == (tmp_path / "passwd").read_text()
        assert host.run(["ls", "/usr/local/bin"]).stdout == "only-here\n"
        assert Path("/etc/passwd").read_text() == before
        assert not Path("/usr/local/bin/only-here").exists()
        assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def test_bind_to_nothing(tmp_path: Path) -> None:
    """A target that does not exist is an error of the test, not a reason to skip it."""
    with pytest.raises(OSError, match="/no/such/place"), private({tmp_path: "/no/such/place"}):
        pass


def test_the_other_host_has_the_same_mounts(tmp_path: Path) -> None:
    """What is bound, before or after, is seen on both sides of a pair."""
    (tmp_path / "only-here").touch()
    with private() as host:
        client = host.connect("1.2.3.4/24", "1.2.3.5/24")
        host.bind(tmp_path, "/mnt")

        assert client.run(["ls", "/mnt"]).stdout == "only-here\n"


def test_processes_inside() -> None:
    """Inside there are no processes of the outside, and /proc says so."""
    with private() as host:
        assert host.run(["sh", "-c", "kill -0 $1 || ls -d /proc/$1", "sh", str(os.getpid())]).returncode != 0


def test_working_directory() -> None:
    """A command starts in the root folder of its own mounts."""
    with private() as host:
        assert host.run(["pwd"]).stdout == "/\n"


def test_signal_reaches_the_command() -> None:
    """What is started inside is a child of the test: signals reach it, and its status comes back."""
    with private() as host:
        process = host.popen(["sleep", "1000"])
        process.terminate()

        assert process.wait() == -signal.SIGTERM
        assert host.run(["sh", "-c", "exit 7"]).returncode == 7


def test_children_started_elsewhere_stay_outside() -> None:
    """Only what is started by the host is inside."""
    script = "import os; print(os.getppid())"
    with private():
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == f"{os.getpid()}\n"


def test_nothing_is_left() -> None:
    """Processes end with the namespaces, also those that nobody waits for, and the outside is as before."""
    before = socket.if_nameindex()
    with private() as host:
        host.connect("1.2.3.4/24", "1.2.3.5/24")
        shell = host.popen(["sh", "-c", "setsid sleep 1000 & echo; exec sleep 1000"], stdout=subprocess.PIPE)
        assert shell.stdout
        shell.stdout.readline()
        orphan = int(Path(f"/proc/{shell.pid}/task/{shell.pid}/children").read_text())
        shell.kill()

    assert all(wait_for_end(pid) for pid in (shell.pid, orphan, host.anchor))
    assert socket.if_nameindex() == before


def test_nothing_is_left_of_a_killed_owner() -> None:
    """Who is killed inside `with` takes everything along."""
    script = (
        "import time\n"
        "from tests.namespaces import private\n"
        "with private() as host:\n"
        "    print(host.popen(['sleep', '1000']).pid, flush=True)\n"
        "    time.sleep(1000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT) as owner:
        assert owner.stdout
        sleeper = int(owner.stdout.readline())
        owner.kill()

    assert wait_for_end(sleeper)


def test_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where namespaces cannot be made, the error says what refused."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UnavailableError, match="unshare"), private():
        pass
