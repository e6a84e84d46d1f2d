"""Passwords of system accounts as this system checks them: the adapter to `python-pam` (the extra `pam`)."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from smtpdsl.runtime.credentials.stored import CheckError

SERVICE = "smtpd"
"""The file of /etc/pam.d that says how, as for the original."""

INSTALL = "pip install 'smtpdsl[pam]'"
"""What gets the library."""

# PAM_PERM_DENIED, PAM_AUTH_ERR, PAM_CRED_INSUFFICIENT, PAM_USER_UNKNOWN, PAM_MAXTRIES, PAM_NEW_AUTHTOK_REQD and
# PAM_ACCT_EXPIRED of Linux.  Whatever else goes wrong says nothing about the password.
_REFUSALS = frozenset({6, 7, 8, 10, 11, 12, 13})


def has_pam() -> bool:
    """Whether the library is installed."""
    return find_spec("pam") is not None


def library_folder() -> str | None:
    """Return where the library is installed, for a process that does not look there by itself."""
    spec = find_spec("pam")
    return str(Path(spec.origin).parent.parent) if spec is not None and spec.origin is not None else None


def pam_matches(login: str, password: bytes) -> bool:
    """Whether *password* is that of the account *login*, and the account may be used; it may take seconds.

    Raises:
        CheckError: PAM cannot tell.
    """
    # Not to be shared by threads: what it has found out is in it.
    session = _module().PamAuthenticator()
    # A login begins no session of the user here, so nothing is made of its credentials.
    if session.authenticate(login, password, service=SERVICE, resetcreds=False):
        return True
    if session.code in _REFUSALS:
        return False
    message = f"PAM could not check a password (its code {session.code})"
    raise CheckError(message)


@cache
def _module() -> Any:  # noqa: ANN401 - an extra, imported where it is asked
    try:
        return import_module("pam")
    except (ImportError, OSError, AttributeError) as error:
        # It looks for the C library of PAM when it is imported or first used.
        message = f"PAM cannot be used ({type(error).__name__})"
        raise CheckError(message) from None
