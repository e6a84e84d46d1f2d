"""A program that runs, as the process sees it that has started it.

    stream ──standard input, standard output──▶ /bin/sh -c "exec COMMAND" ──standard error──▶ errors

It has a process group of its own, which ends with it.  Needs Linux 5.3 (pidfd_open).
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress

from smtpdsl.runtime.delivery.environment import SHELL
from smtpdsl.runtime.delivery.exit_status import signal_name
from smtpdsl.runtime.programs.command import ProgramError, shell_line

# A killed process ends at once, unless the kernel holds it back.
_REAP_SECONDS = 5.0


class Child:
    """A process; its descriptor is readable when it has ended."""

    def __init__(self, command: str, stream: int, errors: int, environment: Mapping[str, str] | None = None) -> None:
        """Start *command*.

        Args:
            command: As the configuration has it.
            stream: The socket that is its standard input and output.
            errors: What its standard error is written to.
            environment: Its variables; None for those of this process.

        Raises:
            ProgramError: It cannot be started.
        """
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the command is what the configuration says
                [SHELL, "-c", shell_line(command)],
                stdin=stream,
                stdout=stream,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            # ValueError: a NUL in the command.
            message = f"it cannot be run: {error}"
            raise ProgramError(message) from None
        try:
            self._descriptor = os.pidfd_open(self._process.pid)
        except OSError as error:
            self._process.kill()
            self._process.wait()
            message = f"it cannot be watched: {error}"
            raise ProgramError(message) from None

    def fileno(self) -> int:
        """Return what is readable when it has ended."""
        return self._descriptor

    def end(self) -> str:
        """End what still runs of it, and say how it ended: a clause for the log."""
        # It has not been waited for, so no other group can have this number yet.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        os.close(self._descriptor)
        try:
            status = self._process.wait(_REAP_SECONDS)
        except subprocess.TimeoutExpired:
            return "cannot be ended"
        return f"was ended by {signal_name(-status)}" if status < 0 else f"exited with status {status}"
