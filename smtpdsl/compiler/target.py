"""The releases that a configuration can be checked for."""

from __future__ import annotations

from enum import Enum


class Target(Enum):
    """What shall run the configuration; the value is the argument of `--target`."""

    SMTPDSL = "smtpdsl"
    OPENSMTPD_7_8 = "opensmtpd-7.8"
    OPENSMTPD_6_8 = "opensmtpd-6.8"
