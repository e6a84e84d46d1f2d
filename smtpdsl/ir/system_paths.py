"""Paths of a system that the language knows without being told."""

from __future__ import annotations

# Where `mbox` has the mailboxes: one file for each user.
MAIL_FOLDER = "/var/mail"
