"""The file of hosts: what the administrator of this machine calls an address (hosts(5)).

127.0.0.1   localhost
192.0.2.7   printer.example printer        the first one is the name, the others are aliases
"""

from __future__ import annotations

from collections.abc import Iterator

from smtpdsl.ir.host_name import host_name_problem
from smtpdsl.runtime.net.changing_file import ChangingFile
from smtpdsl.runtime.net.ip_address import IpAddress

HOSTS = "/etc/hosts"


class HostsFile:
    """A file of hosts, read again whenever it is another one."""

    def __init__(self, path: str = HOSTS) -> None:
        """Read nothing yet."""
        self._file = ChangingFile(path)
        self._names: dict[IpAddress, str] = {}

    def name(self, address: IpAddress) -> str | None:
        """Return the name of *address*; of several lines the first holds."""
        text = self._file.news()
        if text is not None:
            self._names = dict(reversed(list(_entries(text))))
        return self._names.get(address)


def _entries(text: str) -> Iterator[tuple[IpAddress, str]]:
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        found = IpAddress.parse(address)
        if found and names and not host_name_problem(names[0]):
            yield found, names[0]
