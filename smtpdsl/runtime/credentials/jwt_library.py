"""Signed tokens (RFC 7519): the adapter to PyJWT (the extra `oauth`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jwt import PyJWK

INSTALL = "pip install 'smtpdsl[oauth]'"
"""What gets the library."""

# Signatures with a public key: whoever can verify a token cannot make one (RFC 8725 §3.1).
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
# How far the clock of an issuer may be off.
_LEEWAY_SECONDS = 60


class TokenError(Exception):
    """A token or a key set that cannot be believed; the text is for the log and repeats nothing of a token."""


def has_jwt() -> bool:
    """Whether the library is installed."""
    return find_spec("jwt") is not None


def prepare() -> None:
    """Import the library: later, a server that has given up root may not be able to."""
    import jwt.algorithms  # noqa: F401, PLC0415


class KeySet:
    """The public keys of an issuer (RFC 7517)."""

    def __init__(self, text: str) -> None:
        """Read *text*, a key set in JSON.

        Raises:
            TokenError: It is none, or has no key that could have signed a token.
        """
        # An extra; and few servers have tokens for logins.
        from jwt import PyJWKSet  # noqa: PLC0415
        from jwt.exceptions import PyJWTError  # noqa: PLC0415

        try:
            self._keys = [key for key in PyJWKSet.from_json(text).keys if _may_sign(key)]
        except (PyJWTError, ValueError, AttributeError, TypeError, RecursionError):
            message = "it is no set of public keys in JSON (RFC 7517)"
            raise TokenError(message) from None
        if not self._keys:
            message = "it has no public key that signs"
            raise TokenError(message)

    def claims(self, token: str, issuer: str, audience: str) -> Mapping[str, Any]:
        """Return what *token* claims, if one of the keys has signed it.

        Args:
            token: As the client sent it.
            issuer: Who has to have made it.
            audience: For whom it has to be; empty for anybody.

        Raises:
            TokenError: It is no token, it is signed by somebody else, for somebody else, or too old.
        """
        from jwt import decode, get_unverified_header  # noqa: PLC0415
        from jwt.exceptions import InvalidSignatureError, PyJWTError  # noqa: PLC0415

        try:
            named = get_unverified_header(token).get("kid")
            problem: PyJWTError = InvalidSignatureError()
            for key in self._candidates(named):
                try:
                    claims: Mapping[str, Any] = decode(
                        token,
                        key,
                        algorithms=[each for each in _ALGORITHMS if _fits(key, each)],
                        issuer=issuer,
                        audience=audience or None,
                        leeway=_LEEWAY_SECONDS,
                        options={"require": ["exp", "iss"], "verify_aud": bool(audience)},
                    )
                except InvalidSignatureError as error:
                    problem = error
                else:
                    return claims
        except PyJWTError as error:
            problem = error
        raise TokenError(_why(problem)) from None

    def _candidates(self, named: object) -> Iterable[PyJWK]:
        """Return the keys that a token may be signed with: the one that it names, or all if they have no names."""
        return [key for key in self._keys if key.key_id is None or named is None or key.key_id == named]


def _may_sign(key: PyJWK) -> bool:
    return key.public_key_use in {None, "sig"} and any(_fits(key, each) for each in _ALGORITHMS)


def _fits(key: PyJWK, algorithm: str) -> bool:
    """Whether *key* is of the kind of *algorithm*, and not for another one."""
    kind = {"R": "RSA", "P": "RSA", "E": "OKP" if algorithm == "EdDSA" else "EC"}[algorithm[0]]
    stated = key._jwk_data.get("alg")  # noqa: SLF001 - `algorithm_name` is a guess where the key says nothing
    return key.key_type == kind and stated in {None, algorithm}


def _why(problem: Exception) -> str:
    """Say what is wrong; the texts of the library may repeat what a client has sent."""
    from jwt import exceptions  # noqa: PLC0415

    reasons = (
        (exceptions.ExpiredSignatureError, "the token is too old"),
        (exceptions.ImmatureSignatureError, "the token is not valid yet"),
        (exceptions.InvalidAudienceError, "the token is for somebody else"),
        (exceptions.InvalidIssuerError, "the token is of somebody else"),
        (exceptions.MissingRequiredClaimError, "the token does not say who made it, for whom, or until when"),
        (exceptions.InvalidSignatureError, "no key of the issuer has signed the token"),
        (exceptions.InvalidAlgorithmError, "the token is signed in a way that is not taken"),
    )
    return next((text for kind, text in reasons if isinstance(problem, kind)), "it is no token")
