"""Envelopes of the queue as plain values, on their way to whoever asked for them."""

from __future__ import annotations

from collections.abc import Collection

from smtpdsl.runtime.control.commands import Arguments, ControlError, Item
from smtpdsl.runtime.queue.ids import envelope_hex, message_hex, message_of
from smtpdsl.runtime.queue.listing import Listed
from smtpdsl.runtime.queue.selection import Selection, check_id
from smtpdsl.runtime.queue.store import State
from smtpdsl.runtime.sealing.keys import key_fingerprint

# What is attempted just now is pending for the store.
IN_FLIGHT = "inflight"
STATES = tuple(state.value for state in State)
SHOWN_STATES = (*STATES, IN_FLIGHT)


def states_of(arguments: Arguments, known: Collection[str] = STATES) -> tuple[str, ...]:
    """Read in which of the *known* states envelopes are meant; none are all.

    Raises:
        ControlError: A state is none of them.
    """
    named = arguments.texts("states")
    for each in named:
        if each not in known:
            message = f'expected one of {", ".join(known)} as a state, found "{each}"'
            raise ControlError(message, "wrong-use")
    return named


def selection_of(arguments: Arguments, states: Collection[str] | None = None) -> Selection:
    """Read which envelopes are meant; *states* are those that were read already.

    Raises:
        ControlError: They are not described as they should be.
    """
    named = states_of(arguments) if states is None else states
    try:
        ids = tuple(map(check_id, arguments.texts("ids")))
    except ValueError as error:
        raise ControlError(str(error), "wrong-use") from None
    return Selection(
        ids=ids,
        sender=arguments.text("from"),
        recipient=arguments.text("to"),
        domain=arguments.text("domain"),
        action=arguments.text("action"),
        error=arguments.text("error"),
        states=frozenset(State.PENDING if each == IN_FLIGHT else State(each) for each in named),
    )


def row_of(listed: Listed) -> Item:
    """Return what a listing shows of an envelope."""
    envelope, facts = listed.envelope, listed.facts
    client = facts.client if facts is not None else None
    sender = facts.reverse_path.mailbox if facts is not None else None
    # Its file may be what is damaged: then the facts can be read, and the last attempt has met it.
    problem = listed.problem or (listed.last_error if listed.state is State.DAMAGED else "")
    return {
        "id": envelope_hex(listed.number),
        "message": message_hex(message_of(listed.number)),
        "state": listed.state.value if listed.started is None else IN_FLIGHT,
        "route": listed.route.value,
        "action": envelope.action if envelope is not None else None,
        "sender": None if facts is None else "" if sender is None else str(sender),
        "recipient": str(envelope.recipient) if envelope is not None else None,
        "dest": str(envelope.dest) if envelope is not None else None,
        "user": envelope.user if envelope is not None else None,
        "created": listed.created,
        "expires": listed.expires,
        "due": listed.due,
        "tries": listed.tries,
        "last_try": listed.last_try,
        "started": listed.started,
        "error": listed.last_error,
        "status": listed.last_status,
        "size": listed.size,
        "source": client.source if client is not None else None,
        "login": client.login if client is not None else None,
        "problem": problem,
        "missing_key": None if listed.missing_key is None else key_fingerprint(listed.missing_key),
    }


def details_of(listed: Listed) -> Item:
    """Return everything that is known of an envelope."""
    row = dict(row_of(listed))
    if (envelope := listed.envelope) is not None:
        row |= {
            "extension": envelope.extension,
            "command": envelope.target,
            "file": envelope.file,
            "notify": sorted(envelope.notify) if envelope.notify is not None else None,
            "orcpt": envelope.orcpt,
        }
    row["keys"] = sorted(map(key_fingerprint, listed.keys))
    if (facts := listed.facts) is not None:
        row["client"] = {
            name: getattr(facts.client, name) for name in ("source", "rdns", "helo", "login", "tls", "tag")
        }
        row["options"] = facts.options._asdict()
    return row
