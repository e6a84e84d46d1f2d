"""`smtpdsl` as it is, but for the times that another server is waited for: a sixtieth of them.

    python -m tests.vectors.quick_client run smtpd.conf

RFC 5321 §4.5.3.2 wants minutes, and nothing in a configuration makes them shorter.
"""

from __future__ import annotations

import functools

from smtpdsl.cli.main import main
from smtpdsl.runtime import parts
from smtpdsl.runtime.net.client import PhaseLimits
from smtpdsl.runtime.relay.agent import RelayAgent
from tests.vectors.remote import SCALE


def quick_limits() -> PhaseLimits:
    """Return the usual limits, scaled; that of QUIT changes nothing and stays."""
    usual = PhaseLimits()
    return PhaseLimits(*(seconds / SCALE for seconds in usual))._replace(quit=usual.quit)


if __name__ == "__main__":
    setattr(parts, "RelayAgent", functools.partial(RelayAgent, limits=quick_limits()))  # noqa: B010 - no type fits
    main()
