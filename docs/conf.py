"""How Sphinx builds the documentation; `make docs` runs it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import smtpdsl

project = "smtpdsl"
author = "the smtpdsl contributors"
project_copyright = author
version = release = smtpdsl.__version__

extensions = ["myst_parser", "manual"]
myst_enable_extensions = ["deflist"]
# Links to headings work as they do where the pages are read as they are.
myst_heading_anchors = 4
exclude_patterns = ["_build"]
# "..." and "--" are what is written on a command line.
smartquotes = False

html_theme = "furo"
html_title = f"smtpdsl {release}"
html_static_path = ["_static"]
html_copy_source = False
html_show_sphinx = False

man_pages = [
    ("commands", "smtpdsl", "mail server with a compiled configuration", "", 1),
    ("language", "smtpd.conf", "configuration of smtpdsl", "", 5),
]
