"""A server of ours on a host with a network of its own, so that it may have the addresses and ports it names.

with private() as host:
    server = Housed(folder, "listen on 1.2.3.4 port 25 ...", host)
    server.start()
    host.run([sys.executable, "-c", CLIENT])
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.namespaces import Host
from tests.peers import ROOT
from tests.servers import Server


class Housed(Server):
    """``smtpdsl run`` on a host."""

    def __init__(self, folder: Path, configuration: str, host: Host, environment: Mapping[str, str]) -> None:
        """Write *configuration* into *folder*; the server has *environment* beside that of the tests."""
        super().__init__(folder, configuration, port=25, popen=host.popen)
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "smtpdsl", "run", "--root", str(self.root), *arguments, str(self.file)]

    @property
    def _surroundings(self) -> dict[str, Any]:
        return {"env": self._environment, "stdin": subprocess.DEVNULL, "text": True}
