"""Commands with a network and mounts of their own, of which nothing is left afterwards.

    outside      │  inside: lo, and veth 1.2.3.4 ◀────▶ veth 1.2.3.5 of a second host
    its mounts   │  the same, and those that are bound over them
    sees inside  │  sees only the processes started here

    with private({folder: "/usr/local/bin"}) as host:
        client = host.connect("1.2.3.4/24", "1.2.3.5/24")
        server = host.popen([...])
        client.run([...])

A process named the anchor holds the namespaces and is the first of theirs.  It waits for the
end of its standard input: when whoever wrote `with` leaves, or is killed, the anchor ends,
and the kernel ends all other processes, removes the mounts and the interfaces.

Needs root, `unshare` and `nsenter` of util-linux, and `ip` of iproute2.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

Command: TypeAlias = Sequence[str | Path]

CLONE_NEWPID = 0x20000000
LIBC = ctypes.CDLL(None, use_errno=True)

# /proc is still that of the outside when its first line is read, so the number is one that the outside can use.
# Ignored children leave no zombies, and `cat` inherits that: it is the parent of all whose own has ended.
ANCHOR = """
read -r pid rest </proc/self/stat
mount -t proc proc /proc
ip link set lo up
echo "$pid"
trap '' CHLD
exec cat
"""


class UnavailableError(Exception):
    """This machine or this user cannot have private namespaces; the text says why."""


class Host:
    """An inside, for as long as its `private` lasts; made by `private` and by `connect`."""

    def __init__(self, anchor: int, pid: int) -> None:
        """Take the mounts and processes of the process *anchor*, and the network of the process *pid*."""
        self.anchor = anchor
        self.pid = pid
        self._exits = ExitStack()

    def popen(self, command: Command, **options: Any) -> subprocess.Popen[Any]:  # noqa: ANN401 - what Popen takes
        """Start *command* in here, in the folder ``/``; *options* are those of `subprocess.Popen`.

        Its `pid` is that of the command itself, as the outside counts, so signals reach it.
        It is killed at the end, if it still runs by then.
        """
        enter = ["nsenter", f"--net=/proc/{self.pid}/ns/net", f"--mount=/proc/{self.anchor}/ns/mnt", "--"]
        with _children_in(self.anchor):
            process = subprocess.Popen([*enter, *command], **options)
        self._exits.callback(_end, process)
        return process

    def run(self, command: Command, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - see popen
        """Run *command* in here to its end, and collect what it prints."""
        pipe = subprocess.PIPE
        process = self.popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, **options)
        try:
            printed, complaint = process.communicate(timeout=60)
        finally:
            _end(process)
        return subprocess.CompletedProcess(process.args, process.returncode, printed, complaint)

    def bind(self, source: str | Path, target: str | Path) -> None:
        """Show the file or folder *source* at *target*, which must exist and be of the same kind."""
        done = self.run(["mount", "--bind", source, target])
        if done.returncode:
            raise OSError(done.stderr.strip())

    def connect(self, address: str, other_address: str) -> Host:
        """Join a second host with a veth pair: this one has *address*, such as 1.2.3.4/24, the other *other_address*.

        The other has the mounts and the processes of this one.
        """
        holder = self.popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holder.stdout
        assert holder.stdout.readline(), "no second network namespace"
        other = Host(self.anchor, holder.pid)
        self._exits.callback(other.close)
        end, other_end = f"veth{holder.pid}", "veth0"
        self._ip("link", "add", end, "type", "veth", "peer", "name", other_end, "netns", str(holder.pid))
        self._address(end, address)
        other._address(other_end, other_address)
        return other

    def _address(self, interface: str, address: str) -> None:
        # An IPv6 address cannot be used while its uniqueness is being examined.
        self._ip("address", "add", address, "dev", interface, *(["nodad"] if ":" in address else []))
        self._ip("link", "set", interface, "up")

    def _ip(self, *arguments: str) -> None:
        # Without its /proc: the numbers of processes are those of the outside.
        command = ["nsenter", f"--net=/proc/{self.pid}/ns/net", "ip", *arguments]
        subprocess.run(command, check=True, timeout=60)

    def close(self) -> None:
        """Kill what still runs of what was started in here."""
        self._exits.close()


@contextmanager
def private(binds: Mapping[Path, str | Path] | None = None) -> Iterator[Host]:
    """Yield a host with a loopback interface and no other; *binds* are pairs for `Host.bind`.

    Raises:
        UnavailableError: There can be none.
    """
    if os.geteuid() != 0:
        message = "private namespaces need root"
        raise UnavailableError(message)
    with _anchor() as pid:
        host = Host(pid, pid)
        try:
            for source, target in (binds or {}).items():
                host.bind(source, target)
            yield host
        finally:
            # Before the anchor: it ends when all others have been waited for.
            host.close()


@contextmanager
def _anchor() -> Iterator[int]:
    """Yield the process that holds new namespaces, in a session of its own: Ctrl-C is for whoever started it."""
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "sh", "-ec", ANCHOR]
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    except FileNotFoundError as error:
        message = f"private namespaces need `unshare` of util-linux: {error}"
        raise UnavailableError(message) from error
    with process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline()
        if not line:
            message = f"private namespaces cannot be had here: {process.stderr.read().strip()}"
            raise UnavailableError(message)
        yield int(line)


@contextmanager
def _children_in(anchor: int) -> Iterator[None]:
    """Let the processes that this thread starts be processes of the namespace of *anchor*.

    `nsenter --pid` has to stay as their parent, and takes for itself the signals meant for them.
    """
    with ExitStack() as stack:
        namespaces = []
        for path in ("/proc/self/ns/pid", f"/proc/{anchor}/ns/pid"):
            namespaces.append(os.open(path, os.O_RDONLY))
            stack.callback(os.close, namespaces[-1])
        ours, theirs = namespaces
        _set_namespace(theirs)
        try:
            yield
        finally:
            _set_namespace(ours)


def _set_namespace(descriptor: int) -> None:
    # os.setns is newer than Python 3.11.
    if LIBC.setns(descriptor, CLONE_NEWPID):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _end(process: subprocess.Popen[Any]) -> None:
    """Kill *process* if it still runs, and forget it."""
    if process.poll() is None:
        process.kill()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()
    process.wait()
