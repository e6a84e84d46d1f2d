"""Seals entries of the queue, and opens them.

    facts      {"v":2,…}                              of an older version: without a checksum
               0.8f1d6a20c4b7e935.{"v":2,…}           form, checksum, text
               5f1e02aa03.07c1…99.H4sIAAAA…           form, checksum, octets in base64
    octets     beside columns with form and checksum
    file       likewise

Whatever the settings are, everything that was written with others is read: each entry says how it is sealed.
"""

from __future__ import annotations

import base64
import io
import string
from typing import NamedTuple

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.sealing.keys import NO_KEYS, Keys, key_fingerprint
from smtpdsl.runtime.sealing.seal import (
    Checksum,
    Entry,
    Seal,
    SealError,
    checksum,
    form_of,
    is_known,
    key_number_of,
)
from smtpdsl.runtime.sealing.streams import Encoder, decoded

# Of a text, half as long as that of octets.
_TEXT_DIGITS = 16
_UNCHECKED = "{"


class SealedOctets(NamedTuple):
    """Octets as they are stored, with what has to be known to open them."""

    octets: bytes
    form: int
    digest: bytes


class FileSealer:
    """Seals the content of one file, piece by piece."""

    def __init__(self, entry: Entry, form: int, entry_key: Secret | None) -> None:
        """Begin with nothing."""
        self._encoder = Encoder(form, entry_key)
        self._checksum = Checksum(entry, form)
        self._form = form

    def update(self, octets: bytes) -> bytes:
        """Return what is to be written now."""
        stored = self._encoder.update(octets)
        self._checksum.update(stored)
        return stored

    def finish(self) -> bytes:
        """Return what is to be written at the end."""
        stored = self._encoder.finish()
        self._checksum.update(stored)
        return stored

    @property
    def seal(self) -> Seal:
        """How the file is sealed, when it is finished."""
        return Seal(self._form, self._checksum.digest())


class Seals:
    """What the settings want of new entries, and the keys for all of them."""

    def __init__(self, keys: Keys = NO_KEYS, *, compresses: bool = False) -> None:
        """Encrypt with the current one of *keys*, if there is one."""
        self.keys = keys
        self._compresses = compresses
        self._number = None if keys.current is None else keys.current.number

    @property
    def are_plain(self) -> bool:
        """Whether new entries are kept as they are."""
        return not self._compresses and self._number is None

    # ------------------------------------------------------------ texts

    def seal_text(self, entry: Entry, text: str) -> str:
        """Return *text*, which is ASCII, as it is stored."""
        form, body = 0, text
        if not self.are_plain:
            octets, form = self._encoded(entry, text.encode("ascii"))
            body = base64.b64encode(octets).decode("ascii") if form else text
        return f"{form:x}.{_text_digest(entry, form, body)}.{body}"

    def open_text(self, entry: Entry, stored: str) -> str:
        """Return the text that was stored.

        Raises:
            SealError: It is not what was written.
        """
        if stored.startswith(_UNCHECKED):
            return stored
        form, digest, body = _text_parts(stored)
        if digest != _text_digest(entry, form, body):
            raise _altered()
        if not form:
            return body
        try:
            return self._decoded(entry, form, base64.b64decode(body)).decode("ascii")
        except ValueError:
            # Nothing of ours: anybody can make a checksum.
            raise _altered() from None

    # ------------------------------------------------------------ octets

    def seal_octets(self, entry: Entry, octets: bytes) -> SealedOctets:
        """Return *octets* as they are stored."""
        stored, form = self._encoded(entry, octets)
        return SealedOctets(stored, form, checksum(entry, form, stored))

    def open_octets(self, entry: Entry, sealed: SealedOctets) -> bytes:
        """Return the octets that were stored.

        Raises:
            SealError: They are not what was written.
        """
        stored, form, digest = sealed
        if not is_known(form):
            raise _altered()
        # An older version has made none.
        if digest and digest != checksum(entry, form, stored):
            raise _altered()
        return self._decoded(entry, form, stored) if form else stored

    # ------------------------------------------------------------ files

    def file_sealer(self, entry: Entry) -> FileSealer:
        """Begin to seal the content of a file."""
        current = self.keys.current
        form = form_of(is_compressed=self._compresses, key_number=self._number)
        return FileSealer(entry, form, current.of(entry) if current is not None else None)

    def with_key(self, entry: Entry, seal: Seal) -> Seal:
        """Return *seal* with the key of *entry*, if it is encrypted, for whoever reads the file.

        Raises:
            SealError: There is no such form.
        """
        if not is_known(seal.form):
            raise _altered()
        return seal if key_number_of(seal.form) is None else seal._replace(key=self._entry_key(entry, seal.form))

    # ------------------------------------------------------------ inside

    def _encoded(self, entry: Entry, octets: bytes) -> tuple[bytes, int]:
        """Return *octets* in their form: compressed only if that makes them fewer."""
        stored, is_compressed = octets, False
        if self._compresses:
            compressor = Encoder(form_of(is_compressed=True, key_number=None))
            compressed = compressor.update(octets) + compressor.finish()
            if len(compressed) < len(octets):
                stored, is_compressed = compressed, True
        current = self.keys.current
        if current is not None:
            encryption = Encoder(0, current.of(entry))
            stored = encryption.update(stored) + encryption.finish()
        return stored, form_of(is_compressed=is_compressed, key_number=self._number)

    def _decoded(self, entry: Entry, form: int, stored: bytes) -> bytes:
        return b"".join(decoded(form, self._entry_key(entry, form), io.BytesIO(stored).read))

    def _entry_key(self, entry: Entry, form: int) -> Secret | None:
        number = key_number_of(form)
        if number is None:
            return None
        key = self.keys.find(number)
        if key is None:
            # The start has looked for such entries, and not found this one; nobody writes one while a server runs.
            message = f"it needs the key {key_fingerprint(number)}"
            raise SealError(message)
        return key.of(entry)


PLAIN_SEALS = Seals()


def form_of_text(stored: str) -> int:
    """Return the form of a text that is stored, as far as it has one."""
    return 0 if stored.startswith(_UNCHECKED) else _form(stored.partition(".")[0])


def is_intact_text(entry: Entry, stored: str) -> bool:
    """Whether the checksum of a text that is stored is right, which needs no key."""
    try:
        form, digest, body = _text_parts(stored)
    except SealError:
        return False
    return digest == _text_digest(entry, form, body)


def _text_parts(stored: str) -> tuple[int, str, str]:
    """Return the form, the checksum and the rest of a text that is stored.

    Raises:
        SealError: It has none.
    """
    match stored.split(".", 2):
        case [digits, digest, body] if body.isascii() and digits == f"{(form := _form(digits)):x}":
            return form, digest, body
    raise _altered()


def _form(digits: str) -> int:
    """Return the form that *digits* say, or 0 if it is none."""
    form = 0 if digits.strip(string.hexdigits) else int(digits or "0", 16)
    return form if is_known(form) else 0


def _text_digest(entry: Entry, form: int, body: str) -> str:
    return checksum(entry, form, body.encode("ascii")).hex()[:_TEXT_DIGITS]


def _altered() -> SealError:
    return SealError("it was altered: its checksum is another")
