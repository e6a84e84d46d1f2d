"""Hashes of argon2, which crypt(3) does not know: the adapter to `argon2-cffi` (the extra `argon2`)."""

from __future__ import annotations

from importlib.util import find_spec

INSTALL = "pip install 'smtpdsl[argon2]'"
"""What gets the library."""


def has_argon2() -> bool:
    """Whether the library is installed."""
    return find_spec("argon2") is not None


def argon2_matches(stored: str, password: bytes) -> bool | None:
    """Whether *stored*, ``$argon2id$v=19$m=…,t=…,p=…$salt$hash``, is a hash of *password*.

    Returns:
        None if that cannot be found out: the library or its memory is missing, or *stored* is no hash of argon2.
    """
    if not has_argon2():
        return None
    # An extra; and few tables have such hashes.
    from argon2.exceptions import Argon2Error, InvalidHash, VerifyMismatchError  # noqa: PLC0415
    from argon2.low_level import Type, verify_secret  # noqa: PLC0415

    kinds = {"argon2id": Type.ID, "argon2i": Type.I, "argon2d": Type.D}
    kind = kinds.get(stored[1:].partition("$")[0])
    if kind is None or not stored.isascii():
        return None
    try:
        # It computes without the interpreter's lock.
        return verify_secret(stored.encode("ascii"), password, kind)
    except VerifyMismatchError:
        return False
    except (Argon2Error, InvalidHash):
        return None
