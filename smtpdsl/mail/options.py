"""What a client asks for a message and for each of its recipients, beside the addresses.

    MAIL FROM:<ann@a.example> BODY=8BITMIME RET=HDRS ENVID=QQ314159
        MailOptions(body="8BITMIME", ret="HDRS", envid="QQ314159")
    RCPT TO:<joe@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;joe@b.example
        RcptOptions(notify=frozenset({"SUCCESS", "FAILURE"}), orcpt="rfc822;joe@b.example")

They belong to the message, and go with it from one server to the next (RFC 3461 §5.2).
"""

from __future__ import annotations

from typing import NamedTuple

NEVER, SUCCESS, FAILURE, DELAY = "NEVER", "SUCCESS", "FAILURE", "DELAY"
# What a client that says nothing of reports is taken to want (RFC 3461 §4.1).
_UNASKED = frozenset({FAILURE, DELAY})


class MailOptions(NamedTuple):
    """What MAIL said; None is what it did not say.

    `body` is ``7BIT`` or ``8BITMIME`` (RFC 6152), `ret` is ``FULL`` or ``HDRS``, and `envid`
    is a name that the sender knows the message by, decoded (RFC 3461 §4.3 and §4.4).
    `smtputf8` allows addresses and header fields in UTF-8 (RFC 6531), `requiretls` demands TLS
    on the whole way (RFC 8689), and `mt_priority` is from -9 to 9 (RFC 6710).
    """

    body: str | None = None
    ret: str | None = None
    envid: str | None = None
    smtputf8: bool = False
    requiretls: bool = False
    mt_priority: int | None = None


class RcptOptions(NamedTuple):
    """What RCPT said (RFC 3461 §4.1 and §4.2); None is what it did not say.

    `notify` holds ``NEVER`` alone, or any of ``SUCCESS``, ``FAILURE`` and ``DELAY``;
    `orcpt` is the type of an address and the address, decoded: ``rfc822;joe@example.org``.
    """

    notify: frozenset[str] | None = None
    orcpt: str | None = None


NO_MAIL_OPTIONS = MailOptions()


def wants(notify: frozenset[str] | None, event: str) -> bool:
    """Whether somebody who asked for *notify* wants to hear of *event*: ``SUCCESS``, ``FAILURE`` or ``DELAY``."""
    return event in (_UNASKED if notify is None else notify)


def united(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """Return what to report of a recipient who was named twice: whatever one of the two asks for."""
    if one == other:
        return one
    if one is None or other is None:
        return united(one or _UNASKED, other or _UNASKED)
    return (one | other) - {NEVER}
