"""How this system checks the passwords of its accounts.

login, password ──▶ PAM, service smtpd              with the extra `pam`
                └─▶ /etc/shadow and crypt(3)        without it, if the file can be read

Both are for root: an ordinary user cannot check the password of another one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial

from smtpdsl.runtime.credentials.pam_library import has_pam, pam_matches
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.credentials.shadow_file import SHADOW, read_shadow
from smtpdsl.runtime.credentials.stored import Locked, matches

_DAY_SECONDS = 86400

Check = Callable[[str, bytes], bool]
"""Whether a login has a password; it may take seconds, and raise `CheckError`."""


def system_check(shadow: str = SHADOW) -> Check:
    """Return how this system checks passwords."""
    return pam_matches if has_pam() else partial(shadow_matches, shadow)


def shadow_matches(shadow: str, login: str, password: bytes) -> bool:
    """Whether *password* is that of *login* in the file *shadow*.

    Raises:
        CheckError: The file cannot be read, or its hash not be checked.
    """
    accounts = read_shadow(shadow, int(time.time() // _DAY_SECONDS))
    stored = accounts.stored.get(login)
    if stored is None or isinstance(stored, Locked):
        matches(accounts.decoy, Secret(password))
        return False
    return matches(stored, Secret(password))


def can_check_system(shadow: str = SHADOW) -> bool:
    """Whether passwords of system accounts can be checked at all; `pam_library.INSTALL` is what helps if not."""
    return has_pam() or os.access(shadow, os.R_OK)
