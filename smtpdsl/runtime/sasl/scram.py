"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's side (RFC 5802, RFC 7677).

    C: n,,n=ann,r=CLIENT                                client-first-message
    S: r=CLIENTSERVER,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096 server-first-message
    C: c=biws,r=CLIENTSERVER,p=PROOF                    client-final-message
    S: v=SIGNATURE                                      server-final-message, as a challenge
    C: (empty)                                          RFC 4954 §4: then 235

The password never crosses the wire, and the client learns that the server knows its keys.
With -PLUS both also know that they are the two ends of one TLS channel.

Written here with `hashlib`: it is little, the keys may be asked for without blocking, a
client may choose among several bindings, and no extra is needed.  The tests let the
client of `scramp` talk to it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from typing import NamedTuple

from smtpdsl.ir.scram_keys import ScramKeys
from smtpdsl.runtime.sasl.moves import Challenge, Failed, FindKeys, Malformed, Move, Proven
from smtpdsl.runtime.sasl.names import MalformedError, from_base64, read_login

_HASH = "sha256"
_NONCE_OCTETS = 18
_MAX_MESSAGE_OCTETS = 4096

# RFC 5802 §7.  A value has no comma; "extensions" are attributes that we may ignore, "m=" is one that we may not.
# gs2-header = ("p=" cb-name / "n" / "y") "," [ "a=" saslname ] ","
# client-first-message-bare = [reserved-mext ","] username "," nonce ["," extensions]
_CLIENT_FIRST = re.compile(
    rb"(?P<header>(?:p=(?P<binding>[A-Za-z0-9.-]+)|(?P<flag>[ny])),(?:a=(?P<authzid>[^,]+))?,)"
    rb"(?P<bare>n=(?P<login>[^,]+),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-ln-z]=[^,]*)*)"
)
# client-final-message = channel-binding "," nonce ["," extensions] "," proof
_CLIENT_FINAL = re.compile(
    rb"(?P<unproved>c=(?P<channel>[A-Za-z0-9+/=]+),r=(?P<nonce>[\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-ln-z]=[^,]*)*)"
    rb",p=(?P<proof>[A-Za-z0-9+/=]+)"
)
# A saslname spells a comma and an equals sign with these two, and has no other "=".
_ESCAPES = re.compile(rb"=(2C|3D)?")


def server_nonce() -> bytes:
    """Return what nobody can foresee."""
    return secrets.token_urlsafe(_NONCE_OCTETS).encode("ascii")


class _First(NamedTuple):
    """What is kept of the first two messages."""

    header: bytes
    bare: bytes
    nonce: bytes
    binding: bytes
    login: str


class Scram:
    """One exchange; the mechanism's name says whether it must be bound to the channel."""

    def __init__(
        self,
        bindings: Mapping[str, bytes],
        *,
        is_plus: bool = False,
        nonce: Callable[[], bytes] = server_nonce,
    ) -> None:
        """Begin an exchange.

        Args:
            bindings: What the channel can be bound to, by name; if there is any, -PLUS has been offered.
            is_plus: Whether the client has chosen SCRAM-SHA-256-PLUS.
            nonce: Makes our half of the nonce.
        """
        self._bindings = bindings
        self._is_plus = is_plus
        self._make_nonce = nonce
        self._first: _First | None = None
        self._keys: ScramKeys | None = None
        self._server_first = b""
        self._is_proven = False

    def step(self, octets: bytes | None) -> Move:
        """Read the client's next message."""
        if octets is None:
            return Challenge(b"")
        if len(octets) > _MAX_MESSAGE_OCTETS:
            return Malformed(f"a message of SCRAM has at most {_MAX_MESSAGE_OCTETS} octets here")
        if self._first is None:
            return self._read_first(octets)
        if self._is_proven:
            return Malformed("nothing follows the last message of SCRAM") if octets else Proven(self._first.login)
        return self._read_final(self._first, octets)

    def keys_found(self, keys: ScramKeys) -> Challenge:
        """Go on with the *keys* of the login that was asked for."""
        assert self._first is not None, "keys are asked for after the first message"
        self._keys = keys
        fields = (self._first.nonce, b2a_base64(keys.salt, newline=False), keys.iterations)
        self._server_first = b"r=%b,s=%b,i=%d" % fields
        return Challenge(self._server_first)

    def _read_first(self, octets: bytes) -> Move:
        found = _CLIENT_FIRST.fullmatch(octets)
        if found is None:
            return Malformed("this is no first message of SCRAM")
        try:
            login = _read_name(found["login"])
            acts_for = _read_name(found["authzid"]) if found["authzid"] else login
        except MalformedError as error:
            return Malformed(str(error))
        if acts_for != login:
            return Failed(login, "it wants to act for somebody else")
        binding = b""
        if found["binding"] is not None:
            offered = self._bindings.get(found["binding"].decode("ascii")) if self._is_plus else None
            if offered is None:
                return Failed(login, "it wants to bind to a channel in a way that is not offered")
            binding = offered
        elif self._is_plus:
            return Malformed("-PLUS is chosen, and then not used")
        elif found["flag"] == b"y" and self._bindings:
            # RFC 5802 §6: we have offered -PLUS, and somebody has cut it out of what the client read.
            return Failed(login, "it was not told of -PLUS, which is offered")
        nonce = found["nonce"] + self._make_nonce()
        self._first = _First(found["header"], found["bare"], nonce, binding, login)
        return FindKeys(login)

    def _read_final(self, first: _First, octets: bytes) -> Move:
        assert self._keys is not None, "the keys are known when the client answers"
        found = _CLIENT_FINAL.fullmatch(octets)
        channel, proof = (from_base64(found["channel"]), from_base64(found["proof"])) if found else (None, None)
        if found is None or channel is None or proof is None:
            return Malformed("this is no last message of SCRAM")
        if not hmac.compare_digest(channel, first.header + first.binding):
            return Failed(first.login, "it is bound to another channel")
        if not hmac.compare_digest(found["nonce"], first.nonce):
            return Failed(first.login, "it answers another challenge")
        message = b",".join((first.bare, self._server_first, found["unproved"]))
        if not _is_proof(self._keys, message, proof):
            return Failed(first.login, "wrong login or password")
        self._is_proven = True
        signature = hmac.digest(self._keys.server_key, message, _HASH)
        return Challenge(b"v=" + b2a_base64(signature, newline=False))


def _is_proof(keys: ScramKeys, message: bytes, proof: bytes) -> bool:
    """RFC 5802 §3: ClientKey := ClientProof XOR ClientSignature, and its hash is what is stored."""
    signature = hmac.digest(keys.stored_key, message, _HASH)
    if len(proof) != len(signature):
        return False
    client_key = bytes(ours ^ theirs for ours, theirs in zip(signature, proof, strict=True))
    return hmac.compare_digest(hashlib.new(_HASH, client_key).digest(), keys.stored_key)


def _read_name(octets: bytes) -> str:
    if any(each[1] is None for each in _ESCAPES.finditer(octets)):
        message = 'in a login "=" is written "=3D"'
        raise MalformedError(message)
    return read_login(octets.replace(b"=2C", b",").replace(b"=3D", b"="))
