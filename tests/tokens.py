"""An issuer of tokens, for whoever logs in with one."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm

ISSUER = "https://id.example.org"


class Issuer:
    """Signs tokens with a key of its own."""

    def __init__(self, name: str = ISSUER, key_name: str = "k1") -> None:
        """Be called *name*, and call the key *key_name*."""
        self.name = name
        self.key_name = key_name
        self.key = generate_private_key(SECP256R1())

    @property
    def key_set(self) -> str:
        """What it publishes: its public key."""
        public: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(self.key.public_key()))
        return json.dumps({"keys": [public | {"kid": self.key_name, "use": "sig", "alg": "ES256"}]})

    def token(self, login: str | None, *, seconds: float = 3600, **claims: object) -> str:
        """Return a token for *login* that is good for *seconds*; *claims* take the place of the usual ones."""
        usual = {"iss": self.name, "aud": "mail", "exp": time.time() + seconds, "email": login}
        stated = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(stated, self.key, algorithm="ES256", headers={"kid": self.key_name})


def response(token: str, login: str = "") -> bytes:
    """Return what a client says first (RFC 7628 §3.1)."""
    named = f"a={login}" if login else ""
    return f"n,{named},\x01host=mail.example.org\x01port=587\x01auth=Bearer {token}\x01\x01".encode()


def encoded(token: str, login: str = "") -> str:
    """Return the same as AUTH sends it."""
    return b64encode(response(token, login)).decode()
