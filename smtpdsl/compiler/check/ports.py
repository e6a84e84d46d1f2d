"""Listeners together: which addresses and ports they take, and what people expect there.

Reports `duplicate-listener`, `plain-submission`, `mandatory-auth` and `no-listener`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from smtpdsl.compiler.check.audience import is_for_strangers, takes_any_domain
from smtpdsl.diagnostics.codes import DUPLICATE_LISTENER, MANDATORY_AUTH, NO_LISTENER, PLAIN_SUBMISSION
from smtpdsl.diagnostics.diagnostic import Related, Report
from smtpdsl.diagnostics.span import Span
from smtpdsl.ir.resolved import Listener, ListenerTls, Ruleset

_SMTP = 25
_SUBMISSIONS = 465
_SUBMISSION = 587
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
_WITHOUT_AUTH = "without `auth`"
_LOOPBACK_NAMES = ("lo", "lo0", "localhost")


def check_ports(ruleset: Ruleset, report: Report) -> None:
    """Report listeners that are in each other's way, and ports that do not do what they are for."""
    network = [listener for listener in ruleset.listeners if not listener.is_socket]
    _check_duplicates(network, report)
    for listener in network:
        _check_submission(listener, report)
    if not ruleset.is_partial:
        _check_exchanger(network, ruleset, report)
        if not network:
            _no_listener(ruleset, report)


# ---------------------------------------------------------------- the same address twice


class _Seat(NamedTuple):
    """What a listener takes: a port of an address, or of an interface that was not looked up.

    `where` is empty except for addresses that every interface may have again.
    """

    family: str
    port: int
    address: str
    where: str = ""


def _seats(listener: Listener) -> Iterator[_Seat]:
    assert listener.interface is not None
    if not listener.is_resolved:
        families = (listener.family.text,) if listener.family else ("inet4", "inet6")
        for family in families:
            yield _Seat(family, listener.port.value, "", listener.interface.text)
    for address, port in ((each.address, each.port) for each in listener.endpoints):
        # RFC 4291 §2.5.6: a link-local address belongs to its link, and VLANs on one card share it.
        where = listener.interface.text if address.lower().startswith("fe80:") else ""
        yield _Seat("inet6" if ":" in address else "inet4", port, address, where)


def _check_duplicates(listeners: list[Listener], report: Report) -> None:
    taken: dict[_Seat, Listener] = {}
    # The first listener of a port with a known address, for one that wants them all.
    first: dict[tuple[str, int], tuple[_Seat, Listener]] = {}
    for listener in listeners:
        seats = list(_seats(listener))
        for seat in seats:
            found = _conflict(seat, taken, first)
            if found is not None:
                _duplicate(listener, seat, *found, report)
                break
        for seat in seats:
            taken.setdefault(seat, listener)
            if seat.address:
                first.setdefault((seat.family, seat.port), (seat, listener))


def _conflict(
    seat: _Seat, taken: dict[_Seat, Listener], first: dict[tuple[str, int], tuple[_Seat, Listener]]
) -> tuple[_Seat, Listener] | None:
    """Return what *seat* collides with: itself, every address of its family, or one that it covers."""
    if seat in taken:
        return seat, taken[seat]
    if seat.address in _EVERYWHERE:
        return first.get((seat.family, seat.port))
    if not seat.address:
        return None
    everywhere = seat._replace(address=_EVERYWHERE[seat.family == "inet6"], where="")
    return (everywhere, taken[everywhere]) if everywhere in taken else None


def _duplicate(listener: Listener, seat: _Seat, other_seat: _Seat, other: Listener, report: Report) -> None:
    assert listener.interface is not None
    assert other.interface is not None
    place = f'"{seat.where}"' if not seat.address else seat.address
    message = f"two listeners on {place} port {seat.port}"
    notes: tuple[str, ...] = ()
    if seat.address != other_seat.address:
        wide, narrow = (other_seat, seat) if other_seat.address in _EVERYWHERE else (seat, other_seat)
        message = f"two listeners on {narrow.address} port {seat.port}: `{wide.address}` covers it"
        notes = ("Linux gives a port of every address and the same port of one address to one program once",)
    report(
        DUPLICATE_LISTENER.at(
            listener.interface.span,
            message,
            label="the second one cannot be opened",
            related=(Related(other.interface.span, "the first one"),),
            notes=notes,
            help="join them into one `listen`, or give one of them another port",
        )
    )


# ---------------------------------------------------------------- what a port is for


def _is_loopback(listener: Listener) -> bool:
    assert listener.interface is not None
    addresses = [endpoint.address for endpoint in listener.endpoints] or [listener.interface.text]
    return all(each in {"::1", *_LOOPBACK_NAMES} or each.startswith("127.") for each in addresses)


def _check_submission(listener: Listener, report: Report) -> None:
    """Ports 465 (RFC 8314 §3.3) and 587 (RFC 6409 §3.1) are for people who log in.

    Where only programs of this host come, or a proxy has dealt with TLS, anything goes.
    """
    if listener.port.value not in {_SUBMISSIONS, _SUBMISSION} or listener.proxy_versions or _is_loopback(listener):
        return
    port, wrong = listener.port.value, []
    usual = "smtps" if port == _SUBMISSIONS else "tls-require"
    if listener.tls is ListenerTls.NONE:
        if listener.auth is None and not listener.pki_names:  # otherwise the missing TLS is an error already
            wrong.append("without TLS")
    elif (listener.tls is ListenerTls.IMPLICIT) is not (port == _SUBMISSIONS):
        wrong.append(f"with `{listener.tls.value}`, where mail programs expect `{usual}`")
    if listener.auth is None:
        wrong.append(_WITHOUT_AUTH)
    if wrong:
        span = listener.port.span or listener.tls_span or listener.span
        message = f"port {port} {' and '.join(wrong)}"
        port_option = "" if port == _SUBMISSIONS else f"port {port} "
        help_text = f"write `{port_option}{usual} pki NAME auth`; servers deliver to port 25"
        if wrong == [_WITHOUT_AUTH]:
            help_text = "add `auth`; servers deliver to port 25"
        report(PLAIN_SUBMISSION.at(span, message, label="a port for submission", help=help_text))


def _check_exchanger(network: list[Listener], ruleset: Ruleset, report: Report) -> None:
    """No other server can log in, so what is meant to receive mail must not demand it."""
    public = [each for each in network if each.port.value == _SMTP and not _is_loopback(each)]
    closed = [each for each in public if each.auth is not None and each.auth.is_required]
    rule = next(filter(is_for_strangers, ruleset.rules), None)
    if not closed or len(closed) < len(public) or rule is None:
        return
    assert closed[0].auth is not None
    report(
        MANDATORY_AUTH.at(
            closed[0].places.get("auth", closed[0].auth.span),
            "port 25 demands a login, so no other server can deliver mail here",
            related=(Related(rule.span, "this rule is for them"),),
            help="write `auth-optional`, or have people log in on a listener of their own: `smtps … auth`",
        )
    )


def _no_listener(ruleset: Ruleset, report: Report) -> None:
    """Only programs on this host can send; `listen on socket` says that this is meant."""
    stranger = next((rule for rule in ruleset.rules if is_for_strangers(rule) and not takes_any_domain(rule)), None)
    socket = next(each for each in ruleset.listeners if each.is_socket)
    is_written = socket.span.start < socket.span.end
    if not ruleset.rules or (is_written and stranger is None):
        return
    message = "no `listen on` for the network: only programs on this host can send mail"
    related = (Related(stranger.span, "this rule waits for mail from elsewhere"),) if stranger else ()
    help_text = "add `listen on` and the interface where it comes in"
    if stranger is None:
        help_text = "if that is meant say so with `listen on socket`; else add `listen on` and an interface"
    place: Span = ruleset.span.source.whole()
    report(NO_LISTENER.at(place, message, related=related, help=help_text))
