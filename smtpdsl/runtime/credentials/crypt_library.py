"""crypt(3) of this system, the adapter to its library.

    crypt_hash(b"secret", "$y$j9T$…")   ->   "$y$j9T$…$…", equal to the second if the password is right

The library is called through ctypes, which lets other threads run meanwhile.  The module
`crypt` of Python before 3.13, and the package `crypt_r` that replaces it, hold the
interpreter's lock all the time: with a bcrypt hash of cost 12 the event loop stood still
for 200 ms at each login, with this for 2 ms.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

# libxcrypt of Debian and of Fedora; musl has the function in the C library, which is there already.
_LIBRARIES = ("libcrypt.so.1", "libcrypt.so.2", None)

# struct crypt_data: 32 KiB in libxcrypt, 128 KiB in the C library of GNU before it.
_STATE_OCTETS = 256 * 1024

# CRYPT_GENSALT_OUTPUT_SIZE
_SETTING_OCTETS = 192

MAX_PASSWORD_OCTETS = 511
"""What libxcrypt takes at most; it fails for more."""

INSTALL = "install the library of crypt(3): `libcrypt1` on Debian, `libxcrypt` on Fedora"
"""What gets the library."""


def has_crypt() -> bool:
    """Whether this system has crypt(3)."""
    return _function() is not None


def crypt_hash(password: bytes, setting: str) -> str | None:
    """Return the hash of *password* with the kind, costs and salt of *setting*, which may be a whole hash.

    Returns:
        None if this system cannot do it: no such kind, costs out of bounds, no memory, no library.
    """
    function = _function()
    if function is None or b"\0" in password or not setting.isascii() or "\0" in setting:
        return None
    # Zeros are what the library wants to find, and of an array of its own no other thread knows.
    state = ctypes.create_string_buffer(_STATE_OCTETS)
    result = function(password, setting.encode("ascii"), state)
    # What cannot be done is NULL, or a text that is no hash: "*0", "*1".
    if result is None or result.startswith(b"*"):
        return None
    return str(result, "ascii", "replace")


def new_setting() -> str | None:
    """Return the kind and costs that this system prefers for new passwords, and a salt; None if it prefers none."""
    function = _find("crypt_gensalt_rn")
    if function is None:
        return None
    function.restype = ctypes.c_char_p
    function.argtypes = (ctypes.c_char_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
    # Nothing for the kind, the costs and the random octets: the library knows best.
    setting = function(None, 0, None, 0, ctypes.create_string_buffer(_SETTING_OCTETS), _SETTING_OCTETS)
    return None if setting is None else str(setting, "ascii")


@cache
def _function() -> Any:  # noqa: ANN401 - what ctypes makes has no type
    """Find crypt_r(3), and say what it takes."""
    function = _find("crypt_r")
    if function is not None:
        function.restype = ctypes.c_char_p
        function.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
    return function


def _find(name: str) -> Any:  # noqa: ANN401 - as above
    for library in _LIBRARIES:
        try:
            return getattr(ctypes.CDLL(library), name)
        except (OSError, AttributeError):
            continue
    return None
