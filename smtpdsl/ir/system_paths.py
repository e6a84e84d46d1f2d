"""Paths of a system that the language knows without being told."""

from __future__ import annotations

# Where `mbox` has the mailboxes: one file for each user.
MAIL_FOLDER = "/var/mail"

# Where programs are looked for that a configuration names without a path: filters, and `table-NAME`.
HELPER_FOLDERS = (
    "/usr/libexec/opensmtpd",
    "/usr/libexec/smtpd",
    "/usr/local/libexec/opensmtpd",
    "/usr/local/libexec/smtpd",
    "/usr/lib/opensmtpd",
)
