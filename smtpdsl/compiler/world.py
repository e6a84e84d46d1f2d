"""What the compiler may ask of the machine, and how paths are found under `--root`.

One object answers for files, accounts, interfaces and services, so that `--static`
(looks at nothing but includes) and the tests (a world of their own) are other objects
with the same face.  Names that a configuration writes are strings; a path handed to
the operating system is made here and nowhere else.
"""

from __future__ import annotations

import os
import stat
import time
from typing import NamedTuple, Protocol

# Larger than any table or certificate; a configuration has its own, smaller limit.
MAX_FILE_OCTETS = 64 * 1024 * 1024
# Why a folder cannot be read as a file.
IS_DIRECTORY = "it is a directory"


class Unavailable(NamedTuple):
    """Why a file cannot be had: the operating system's words, without the path."""

    reason: str
    is_absent: bool = False


class FileFacts(NamedTuple):
    """Who owns a file and who may do what with it."""

    owner: int
    mode: int


class World(Protocol):
    """The questions; each is answered without raising."""

    is_static: bool
    """True: only includes may be read, everything else is unknown."""

    is_test_bed: bool
    """True under `--root`: ownership and modes are reported as warnings only."""

    def locate(self, path: str) -> str:
        """Return the path of the operating system for *path*."""

    def identity(self, path: str, *, is_given: bool = False) -> object:
        """Return what tells this file from every other one, to find include cycles.

        A given file is named by the command line and not by the configuration, so it is not under the root.
        """

    def read(self, path: str) -> bytes | Unavailable:
        """Return the octets of the file that the configuration calls *path*."""

    def facts(self, path: str) -> FileFacts | Unavailable:
        """Return owner and mode of *path*, following links."""

    def has_user(self, name: str) -> bool:
        """Whether *name* is an account of this system."""

    def has_group(self, name: str) -> bool:
        """Whether *name* is a group of this system."""

    def addresses(self, interface: str) -> tuple[str, ...]:
        """Return the addresses of an interface or of an interface group; empty if there is none."""

    def resolve(self, name: str) -> tuple[str, ...]:
        """Return the addresses of a host name; empty if it has none."""

    def service_port(self, name: str) -> int | None:
        """Return the TCP port of a services(5) name."""

    def program_exists(self, path: str) -> bool:
        """Whether *path* is an executable file; programs are never looked for under `--root`."""

    def server_name(self) -> str:
        """Return the name of this server: the first line of `mailname`, else the host's name."""

    def is_trusted(self, owner: int) -> bool:
        """Whether the user number *owner* may own what must be safe: root, or who runs this."""

    def now(self) -> float:
        """Return the time in seconds since 1970."""


def read_file(path: str, limit: int = MAX_FILE_OCTETS) -> bytes | Unavailable:
    """Read a regular file of at most *limit* octets; a FIFO or a device is never opened for long."""
    try:
        # Without O_NONBLOCK, opening a FIFO waits for a writer that never comes.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        return _unavailable(error)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            return Unavailable(IS_DIRECTORY)
        if not stat.S_ISREG(status.st_mode):
            return Unavailable("it is no regular file")
        if status.st_size > limit:
            return Unavailable(f"it has {status.st_size} octets, and the limit is {limit}")
        # The descriptor is closed below, whatever happens; a file object of a directory cannot even be made.
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit + 1)
    except OSError as error:
        return _unavailable(error)
    finally:
        os.close(descriptor)


def _stat(path: str) -> os.stat_result:
    """Follow links to the status of *path*; importing pathlib for it would cost four milliseconds."""
    return os.stat(path)  # noqa: PTH116


def _unavailable(error: OSError | ValueError) -> Unavailable:
    if isinstance(error, OSError) and error.strerror:
        return Unavailable(error.strerror.lower(), is_absent=isinstance(error, FileNotFoundError))
    return Unavailable("the path contains a NUL byte")


class Machine:
    """This machine; absolute paths of the configuration are found under *root*."""

    def __init__(self, root: str = "", *, static: bool = False) -> None:
        """Answer for this machine; with *static*, only for includes."""
        self.root = root.rstrip("/")
        self.is_static = static
        self.is_test_bed = bool(root)
        self._server_name = ""
        # Seconds left for the DNS: a check that hangs is worse than one that does not know a name.
        self._patience = 1.5

    def locate(self, path: str) -> str:
        """Return the path of the operating system for *path*; a relative one is taken from here."""
        return self.root + path if self.root and path.startswith("/") else path

    def identity(self, path: str, *, is_given: bool = False) -> object:
        """Device and inode where the file exists."""
        name = path if is_given else self.locate(path)
        try:
            status = _stat(name)
        except (OSError, ValueError):
            return os.path.abspath(name)  # noqa: PTH100 - see _stat
        return status.st_dev, status.st_ino

    def read(self, path: str) -> bytes | Unavailable:
        """Read a file that the configuration names."""
        return read_file(self.locate(path))

    def facts(self, path: str) -> FileFacts | Unavailable:
        """Owner and mode, as stat(2) has them."""
        try:
            status = _stat(self.locate(path))
        except (OSError, ValueError) as error:
            return _unavailable(error)
        return FileFacts(status.st_uid, stat.S_IMODE(status.st_mode))

    def has_user(self, name: str) -> bool:
        """Look *name* up in the password database."""
        import pwd  # noqa: PLC0415 - most configurations name no account

        try:
            pwd.getpwnam(name)
        except (KeyError, ValueError):
            return False
        return True

    def has_group(self, name: str) -> bool:
        """Look *name* up in the group database."""
        import grp  # noqa: PLC0415 - most configurations name no group

        try:
            grp.getgrnam(name)
        except (KeyError, ValueError):
            return False
        return True

    def addresses(self, interface: str) -> tuple[str, ...]:
        """Ask the kernel for the addresses of *interface*."""
        from smtpdsl.compiler.interfaces import interface_addresses  # noqa: PLC0415 - asked by few files

        return interface_addresses(interface)

    def resolve(self, name: str) -> tuple[str, ...]:
        """Ask the system's resolver, for a limited time; `localhost` needs no network."""
        if name == "localhost":
            return ("127.0.0.1", "::1")
        import threading  # noqa: PLC0415 - asked by few files

        found: list[str] = []
        # The resolver takes no time limit; whoever waits in vain is left behind.
        thread = threading.Thread(target=_look_up, args=(name, found), daemon=True)
        start = time.monotonic()
        thread.start()
        thread.join(max(0.0, self._patience))
        self._patience -= time.monotonic() - start
        return tuple(dict.fromkeys(found))

    def service_port(self, name: str) -> int | None:
        """Ask services(5); the names of mail need no asking."""
        if name in _PORTS or self.is_static:
            return _PORTS.get(name)
        import socket  # noqa: PLC0415 - asked by few files

        try:
            return socket.getservbyname(name, "tcp")
        except (OSError, ValueError):
            return None

    def program_exists(self, path: str) -> bool:
        """Whether *path* can be executed by somebody."""
        try:
            status = _stat(path)
        except (OSError, ValueError):
            return False
        return stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o111)

    def server_name(self) -> str:
        """Read `mailname` where OpenSMTPD has it, else take the host's name; a static look knows no host."""
        if not self._server_name:
            self._server_name = "localhost" if self.is_static else self._mail_name() or _host_name()
        return self._server_name

    def _mail_name(self) -> str:
        for path in ("/etc/mail/mailname", "/etc/mailname"):
            content = self.read(path)
            if isinstance(content, bytes) and (name := content.decode("ascii", "replace").split("\n", 1)[0].strip()):
                return name
        return ""

    def is_trusted(self, owner: int) -> bool:
        """Compare *owner* with the user of this process."""
        return owner in {0, os.geteuid()}

    def now(self) -> float:
        """Read the clock."""
        return time.time()


def _look_up(name: str, found: list[str]) -> None:
    import socket  # noqa: PLC0415 - asked by few files

    try:
        # As octets: `str` would go through the codec "idna", which refuses names that resolve.
        answers = socket.getaddrinfo(name.encode("utf-8", "surrogateescape"), None, type=socket.SOCK_STREAM)
    except OSError:
        return
    found.extend(str(each[4][0]) for each in answers)


def _host_name() -> str:
    """Return the host's name; one without a domain is completed from hosts(5), as its resolver would."""
    name = os.uname().nodename
    hosts = b"" if "." in name else read_file("/etc/hosts")
    if isinstance(hosts, bytes):
        for line in hosts.decode("ascii", "replace").splitlines():
            _, *names = line.partition("#")[0].split() or [""]
            # The first one is canonical, those behind it are other names of the same host.
            if name in names and "." in names[0]:
                return names[0]
    return name


# The same everywhere, also where there is no /etc/services.
_PORTS = {"smtp": 25, "smtps": 465, "ssmtp": 465, "submission": 587, "submissions": 465, "lmtp": 24}
