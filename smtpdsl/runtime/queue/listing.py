"""Pages of the queue, for whoever wants to see it: a few hundred envelopes at a time, in the order of their numbers.

    ListQuery(selection, after, end) ──▶ ListPage(listed, after)  ──▶ the next query, or nothing is left

A page reads a bounded number of rows, however few of them are wanted, so that mail waits for
no listing.  What cannot be read is listed too, with what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from smtpdsl.runtime.interfaces import Envelope, Route
from smtpdsl.runtime.queue.facts import FactsError, MessageFacts
from smtpdsl.runtime.queue.ids import message_of
from smtpdsl.runtime.queue.schedule import expires
from smtpdsl.runtime.queue.sealed_facts import envelope_entry, message_entry, open_envelope, open_message
from smtpdsl.runtime.queue.selection import Selection
from smtpdsl.runtime.queue.sqlite import DamagedPageError, Database, Row, UnreadableMessageError
from smtpdsl.runtime.queue.store import State
from smtpdsl.runtime.sealing.seal import Entry, key_number_of
from smtpdsl.runtime.sealing.seals import form_of_text, is_intact_text

# So many rows are read for a page: some milliseconds.
PAGE_ROWS = 256

LIST = """
    SELECT id, state, route, lane, due, tries, last_try, last_error, last_status, freed, facts FROM envelope
    WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?
"""
# No column after its size: they are behind its octets.
MESSAGE = "SELECT created, size, facts FROM message WHERE id = ?"
_STATES = {state.value: state for state in State}
_ROUTES = {route.value: route for route in Route}
HIGHEST = "SELECT coalesce(max(id), 0) FROM envelope"


class Listed(NamedTuple):
    """An envelope as the queue has it; `envelope` or `facts` are None if they cannot be read, and `problem` says why.

    `started` is when the attempt began that runs now, `keys` are the numbers of those that the envelope and its
    message were encrypted with, and `missing_key` is one of them that is not there.
    """

    number: int
    route: Route
    state: State
    lane: str
    due: float
    tries: int
    last_try: float
    last_error: str
    last_status: str
    freed: float
    envelope: Envelope | None = None
    created: float = 0.0
    facts: MessageFacts | None = None
    size: int = 0
    problem: str = ""
    started: float | None = None
    keys: frozenset[int] = frozenset()
    missing_key: int | None = None

    @property
    def expires(self) -> float:
        """From when on it is not tried again; 0 if that is not known."""
        return expires(max(self.created, self.freed), self.envelope.ttl) if self.envelope is not None else 0.0


class ListQuery(NamedTuple):
    """Which envelopes are wanted: of *selection*, with numbers behind *after*, up to *end* (0: those of now).

    Without *facts* nothing is read that the selection does not need.
    """

    selection: Selection
    after: int = 0
    end: int = 0
    rows: int = PAGE_ROWS
    facts: bool = True


class ListPage(NamedTuple):
    """Envelopes, and the query for those that follow; None if there are none."""

    listed: Sequence[Listed]
    following: ListQuery | None


def list_page(database: Database, query: ListQuery, unreadable: Collection[int] = ()) -> ListPage:
    """Return what *query* asks for; to be called in a transaction, which has to begin again if it fails.

    Args:
        database: Where it is.
        query: What is wanted.
        unreadable: Messages that lie in damaged pages: their envelopes are listed without them.

    Raises:
        UnreadableMessageError: A message lies in a damaged page.
    """
    end = query.end or database.number(HIGHEST)
    reader = _Reader(database, query, unreadable)
    rows_left = query.rows
    for first, last in query.selection.ranges(end):
        if last <= query.after:
            continue
        rows = list(database.rows(LIST, (max(first, query.after + 1), min(last, end), rows_left)))
        reader.take(rows)
        rows_left -= len(rows)
        if not rows_left:
            return ListPage(reader.listed, query._replace(after=_number(rows[-1]), end=end))
    return ListPage(reader.listed, None)


class _Message(NamedTuple):
    """What is known of a message."""

    created: float = 0.0
    size: int = 0
    facts: MessageFacts | None = None
    problem: str = ""
    keys: frozenset[int] = frozenset()


class _Reader:
    """Rows as envelopes; the facts of a message are read once, and none that nobody asks for."""

    def __init__(self, database: Database, query: ListQuery, unreadable: Collection[int]) -> None:
        self._database = database
        self._selection = query.selection
        self._unreadable = unreadable
        self._reads_facts = query.facts or query.selection.has_filters
        self._message_id = -1
        self._message = _Message()
        self.listed: list[Listed] = []

    def take(self, rows: Sequence[Row]) -> None:
        """Keep those of *rows* that are selected."""
        selection = self._selection
        for row in rows:
            listed = _listed(row)
            if not selection.takes_state(listed.state):
                continue
            if selection.error and selection.error.lower() not in listed.last_error.lower():
                continue
            if self._reads_facts:
                listed = self._with_facts(listed, row[-1])
                if selection.has_filters and not self._is_selected(listed):
                    continue
            self.listed.append(listed)

    def _with_facts(self, listed: Listed, text: object) -> Listed:
        message_id = message_of(listed.number)
        if message_id != self._message_id:
            self._message_id, self._message = message_id, self._read_message(message_id)
        created, size, facts, problem, keys = self._message
        keys |= _keys(envelope_entry(listed.number, listed.route), text)
        try:
            envelope = open_envelope(self._database.seals, listed.number, listed.route, text)
        except FactsError as error:
            envelope, problem = None, str(error)
        return listed._replace(
            envelope=envelope,
            created=created,
            size=size,
            facts=facts,
            problem=listed.problem or problem,
            keys=keys,
            missing_key=min((each for each in keys if each not in self._database.seals.keys), default=None),
        )

    def _read_message(self, message_id: int) -> _Message:
        if message_id in self._unreadable:
            return _Message(problem="its message lies in a damaged part of the database")
        try:
            rows = list(self._database.rows(MESSAGE, (message_id,)))
        except DamagedPageError as error:
            raise UnreadableMessageError(message_id, str(error)) from error
        match rows:
            case [(float(created), int(size), text)]:
                keys = _keys(message_entry(message_id, created, size), text)
                try:
                    facts = open_message(self._database.seals, message_id, created, size, text)
                except FactsError as error:
                    return _Message(created, size, problem=f"of its message {error}", keys=keys)
                return _Message(created, size, facts, keys=keys)
        return _Message(problem="its message is not there")

    def _is_selected(self, listed: Listed) -> bool:
        sender = listed.facts.reverse_path if listed.facts is not None else None
        return listed.envelope is not None and self._selection.takes(listed.envelope, sender)


def _keys(entry: Entry, text: object) -> frozenset[int]:
    """Return the key that *entry*, stored as *text*, was encrypted with; what is damaged may name any."""
    if not isinstance(text, str):
        return frozenset()
    number = key_number_of(form_of_text(text))
    return frozenset({number}) if number is not None and is_intact_text(entry, text) else frozenset()


def _number(row: Row) -> int:
    number = row[0]
    assert isinstance(number, int), "the table is strict"
    return number


def _listed(row: Row) -> Listed:
    """Return what the columns say, but for the facts."""
    match row:
        case [
            int(number),
            str(state),
            str(route),
            str(lane),
            float(due),
            int(tries),
            float(last_try),
            str(error),
            str(status),
            float(freed),
            _,
        ]:
            is_known = state in _STATES and route in _ROUTES
            return Listed(
                number,
                _ROUTES.get(route, Route.LOCAL),
                _STATES[state] if is_known else State.DAMAGED,
                lane,
                due,
                tries,
                last_try,
                error,
                status,
                freed,
                problem="" if is_known else "its state or its route is none",
            )
    message = "the tables are strict"
    raise AssertionError(message)
