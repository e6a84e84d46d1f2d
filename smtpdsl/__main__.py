"""`python -m smtpdsl`."""

from __future__ import annotations

from smtpdsl.cli.main import main

main()
