"""The policy of a domain, from the server that has it (RFC 8461 §3.3).

    example.com ──▶ https://mta-sts.example.com/.well-known/mta-sts.txt ──▶ Policy(ENFORCE, …)

What goes wrong has a name in the reports of RFC 8460.
"""

from __future__ import annotations

from typing import Protocol

from smtpdsl.mail.mta_sts import MAX_POLICY_OCTETS, Policy, parse_policy
from smtpdsl.mail.tls_report import ResultType
from smtpdsl.runtime.net.https import Document, FetchError, UntrustedError
from smtpdsl.text_error import TextError

_PATH = "/.well-known/mta-sts.txt"


class PolicyError(Exception):
    """There is no policy to be had; the text is one printable line, and *result* how a report calls it."""

    def __init__(self, message: str, result: ResultType) -> None:
        """Say why."""
        super().__init__(message)
        self.result = result


class Https(Protocol):
    """Who fetches; `HttpsClient` is one."""

    async def get(self, host: str, path: str, most: int) -> Document:
        """Return a document; raises `FetchError`."""


class PolicyServer:
    """Asks the servers of domains for their policies."""

    def __init__(self, client: Https) -> None:
        """Fetch with *client*."""
        self._client = client

    async def fetch(self, domain: str) -> Policy:
        """Return the policy of *domain*, a name in A-labels.

        Raises:
            PolicyError: There is none, or it says nothing that could be followed.
        """
        try:
            document = await self._client.get(f"mta-sts.{domain}", _PATH, MAX_POLICY_OCTETS)
        except UntrustedError as error:
            raise PolicyError(str(error), ResultType.STS_WEBPKI_INVALID) from None
        except FetchError as error:
            raise PolicyError(str(error), ResultType.STS_POLICY_FETCH_ERROR) from None
        if document.media_type != "text/plain":
            shown = ascii(document.media_type[:64])[1:-1] or "something of no type"
            message = f"mta-sts.{domain} has {shown} where a policy is text/plain"
            raise PolicyError(message, ResultType.STS_POLICY_INVALID)
        try:
            # RFC 8461 §3.2 has UTF-8 in extensions, and nothing but ASCII in what is known.
            return parse_policy(document.octets.decode("utf-8"))
        except UnicodeDecodeError:
            message = f"the policy of {domain} is no text"
        except TextError as error:
            message = f"{error.message} ({domain})"
        raise PolicyError(message, ResultType.STS_POLICY_INVALID)
