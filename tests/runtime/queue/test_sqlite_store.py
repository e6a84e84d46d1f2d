"""The embedded store: what is added is there, what is due is found, what is damaged is set aside."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from smtpdsl.runtime.interfaces import Envelope, Route, StorageError
from smtpdsl.runtime.queue import schema, sqlite_store
from smtpdsl.runtime.queue.ids import envelope_number
from smtpdsl.runtime.queue.sqlite_store import SqliteStore
from smtpdsl.runtime.queue.store import Changes, DueQuery, State, StoredEnvelope, StoredMessage, Summary, Update
from tests.runtime.queue.sample import (
    BODY,
    CLIENT,
    CREATED,
    SENDER,
    everything,
    local,
    relayed,
    run,
    stored,
    submission,
)


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[SqliteStore]:
    """Open the store in *folder*, and close it at the end."""
    store = SqliteStore(folder)
    store.start()
    yield store
    await store.close()


async def add(store: SqliteStore, number: int, *envelopes: Envelope, created: float = CREATED) -> None:
    """Add a small message."""
    await store.add(submission(number, *envelopes, created=created), BODY, len(BODY))


def query(until: float = CREATED, limit: int = 1000, since: float = -math.inf) -> DueQuery:
    """Ask for local envelopes that are due."""
    return DueQuery(Route.LOCAL, since, until, limit, 2**30)


def damage(folder: Path, statement: str) -> None:
    """Change a row behind the back of the store."""
    connection = apsw.Connection(str(folder / "queue.db"))
    connection.execute(statement)
    connection.close()


def test_a_message_comes_back_as_it_was(tmp_path: Path) -> None:
    """With its facts, its octets, and its envelopes by route, also for the next server."""
    envelopes = (local(), relayed("sue@example.com"), local("bob")._replace(extension="lists"))

    async def scenario() -> None:
        async with opened(tmp_path) as store:
            await add(store, 77, *envelopes)
            first_run = store.run
        async with opened(tmp_path) as store:
            batch = await stored(store)
            assert batch.envelopes == [
                StoredEnvelope(envelope_number(77, 3), envelopes[2], "bob", CREATED, priority=1),
                StoredEnvelope(envelope_number(77, 1), envelopes[0], "joe", CREATED, priority=1),
            ]
            assert batch.messages == {77: StoredMessage(77, first_run, CREATED, SENDER, CLIENT, len(BODY), BODY)}
            (other,) = (await stored(store, Route.RELAY)).envelopes
            assert other.envelope == envelopes[1]
            assert store.run == first_run + 1

    run(scenario())


def test_a_name_of_any_characters(tmp_path: Path) -> None:
    """Octets that were no UTF-8 do not keep a message out."""
    envelope = local()._replace(user="j\udcff\u00f6e")

    async def scenario() -> None:
        async with opened(tmp_path) as store:
            await add(store, 1, envelope)
            assert (await stored(store)).envelopes[0].envelope == envelope

    run(scenario())


def test_messages_that_wait_share_a_transaction(tmp_path: Path) -> None:
    """A hundred messages at a time take a few transactions."""

    async def scenario() -> None:
        async with opened(tmp_path) as store:
            before = store.transactions
            await asyncio.gather(*(add(store, number) for number in range(1, 101)))
            assert store.transactions - before < 20
            assert await store.summary() == Summary(messages=100, pending=100)

    run(scenario())


def test_one_that_cannot_be_stored_keeps_no_other_out(tmp_path: Path) -> None:
    """Of a batch with a number that is taken, and one that no integer holds, the others are stored."""

    async def scenario() -> None:
        async with opened(tmp_path) as store:
            await add(store, 5)
            numbers = [4, 5, 6, 2**80, 7]
            results = await asyncio.gather(*(add(store, number) for number in numbers), return_exceptions=True)
            assert [isinstance(result, StorageError) for result in results] == [False, True, False, True, False]
            assert sorted((await stored(store)).messages) == [4, 5, 6, 7]

    run(scenario())


def test_what_is_due_is_loaded_in_its_order(tmp_path: Path) -> None:
    """The earliest first, nothing that is due later, and the moment of the next."""

    async def scenario() -> None:
        async with opened(tmp_path) as store:
            for number, created in ((1, 30.0), (2, 10.0), (3, 20.0), (4, 40.0)):
                await add(store, number, created=created)
            batch = await store.load(query(until=30.0))
            assert [each.due for each in batch.envelopes] == [10.0, 20.0, 30.0]
            assert batch.next_due == 40.0
            batch = await store.load(query(since=40.0, until=50.0))
            assert [each.due for each in batch.envelopes] == [40.0]
            assert batch.next_due == math.inf

    run(scenario())


def test_a_query_has_its_limits(tmp_path: Path) -> None:
    """Envelopes, octets, those that are known, and full lanes; what is left out is not forgotten."""

    async def scenario() -> None:
        async with opened(tmp_path) as store:
            for number, user in ((1, "joe"), (2, "bob"), (3, "joe"), (4, "sue")):
                await add(store, number, local(user), created=10.0 * number)
            few = await store.load(query(limit=2))
            assert (sorted(few.messages), few.next_due) == ([1, 2], 30.0)
            small = await store.load(query()._replace(max_octets=len(BODY) + 1))
            assert (sorted(small.messages), small.next_due) == ([1, 2], 30.0)
            other = await store.load(query()._replace(has={envelope_number(1, 1)}))
            assert sorted(other.messages) == [2, 3, 4]
            lanes = await store.load(query()._replace(full={"joe", "nobody"}))
            assert sorted(lanes.messages) == [2, 4]

    run(scenario())


def test_all_envelopes_of_a_message_fit_with_it(tmp_path: Path) -> None:
    """Only another message is too much."""

    async def scenario() -> None:
        async with opened(tmp_path) as store:
            await add(store, 1, local("a"), local("b"), local("c"))
            await add(store, 2, created=CREATED + 1)
            batch = await store.load(query(until=CREATED + 1)._replace(max_octets=1))
            assert len(batch.envelopes) == 3
            assert batch.next_due == CREATED + 1

    run(scenario())


def test_a_message_goes_with_its_last_envelope(tmp_path: Path) -> None:
    """And only those whose octets were in a file are told of."""

    async def scenario() -> None:
        async with opened(tmp_path) as store:
            await add(store, 1, local("a"), local("b"))
            await store.add(submission(2, local("c"), local("d")), None, 100_000)
            assert await store.record(Changes([envelope_number(1, 1), envelope_number(2, 1)])) == []
            assert await store.summary() == Summary(messages=2, pending=2)
            assert await store.record(Changes([envelope_number(1, 2), envelope_number(2, 2)])) == [2]
            assert await store.summary() == Summary()
            assert list(store._database.rows("SELECT id FROM message")) == []  # noqa: SLF001 - what nobody sees

    run(scenario())


def test_a_file_is_told_of_once(tmp_path: Path) -> None:
    """Though several have told of envelopes of its message at the same time; so it is removed once."""

    async def scenario() -> None:
        async with opened(tmp_path) as store:
            await store.add(submission(1, local("a"), local("b")), None, 100_000)
            await store.add(submission(2, local("c")), None, 100_000)
            before = store.transactions
            told = [[envelope_number(1, 1)], [envelope_number(1, 2), envelope_number(2, 1)]]
            found = await asyncio.gather(*(store.record(Changes(numbers)) for numbers in told))
            assert store.transactions == before + 1
            assert sorted(number for numbers in found for number in numbers) == [1, 2]

    run(scenario())


def test_updates_are_remembered(tmp_path: Path) -> None:
    """One that failed is due later; one that is held is not loaded, but counted."""
    first, second = envelope_number(1, 1), envelope_number(1, 2)
    later = Update(first, State.PENDING, CREATED + 10, 1, CREATED, "busy", "4.2.1")
    held = Update(second, State.HELD, CREATED, 1, CREATED, "unknown", "5.1.1")

    async def scenario() -> None:
        async with opened(tmp_path) as store:
            await add(store, 1, local("a"), local("b"))
            await store.record(Changes(updates=[later, held]))
        async with opened(tmp_path) as store:
            (found,) = (await store.load(everything())).envelopes
            assert found[:1] + found[2:] == (first, "a", CREATED + 10, 1, CREATED, "busy", "4.2.1", 0.0, 1)
            assert await store.summary() == Summary(messages=1, pending=1, held=1)
            rows = list(store._database.rows("SELECT id, last_error FROM envelope WHERE state = 'held'"))  # noqa: SLF001 - nothing shows held mail yet
            assert rows == [(second, "unknown")]

    run(scenario())


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE envelope SET facts = 'x' WHERE id >> 24 = 2", "its facts cannot be read: it was altered"),
        ("UPDATE envelope SET facts = '{' WHERE id >> 24 = 2", "its facts are no JSON text"),
        ("UPDATE message SET facts = '{}' WHERE id = 2", "its facts are of version None"),
        ("UPDATE message SET created = created + 1 WHERE id = 2", "its facts cannot be read: it was altered"),
        ("UPDATE message SET octets = CAST('y' || substr(octets, 2) AS BLOB) WHERE id = 2", "its message cannot be"),
        ("UPDATE message SET octets = x'00' WHERE id = 2", "its message cannot be read: it was altered"),
        (
            "UPDATE message SET (octets, digest) = (SELECT octets, digest FROM message WHERE id = 1) WHERE id = 2",
            "its message cannot be read: it was altered",
        ),
        (
            "UPDATE envelope SET facts = (SELECT facts FROM envelope WHERE id >> 24 = 1) WHERE id >> 24 = 2",
            "its facts cannot be read: it was altered",
        ),
        ("DELETE FROM message WHERE id = 2", "its message is not there"),
    ],
)
def test_what_is_damaged_is_set_aside(tmp_path: Path, statement: str, problem: str) -> None:
    """It is told of once, and kept; the others are found."""

    async def scenario() -> None:
        async with opened(tmp_path) as store:
            for number in (1, 2, 3):
                await add(store, number)
        damage(tmp_path, statement)
        async with opened(tmp_path) as store:
            batch = await stored(store)
            assert [each.number >> 24 for each in batch.envelopes] == [1, 3]
            assert [(each.number, each.problem[: len(problem)]) for each in batch.damaged] == [
                (envelope_number(2, 1), problem)
            ]
        async with opened(tmp_path) as store:
            assert (await stored(store)).damaged == []
            assert (await store.summary())[1:] == (2, 0, 1, 0)

    run(scenario())


def test_numbers_are_reserved_for_good(tmp_path: Path) -> None:
    """No block overlaps another one, in this life or the next, and a message beyond them reserves its number."""

    async def scenario() -> None:
        async with opened(tmp_path) as store:
            blocks = [store.first_block, await store.reserve(10)]
            await add(store, blocks[-1].end + 100)
        async with opened(tmp_path) as store:
            blocks += [store.first_block, await store.reserve(10)]
        assert all(before.end <= after.start for before, after in itertools.pairwise(blocks))
        assert blocks[2].start == blocks[1].end + 101

    run(scenario())


def test_a_spool_begins_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first number is a random one from 1."""

    def first(name: str) -> int:
        folder = tmp_path / name
        folder.mkdir()
        store = SqliteStore(folder)
        store.abort()
        return store.first_block.start

    assert 0 < first("a") < 2**31
    monkeypatch.setattr(sqlite_store, "FIRST_NUMBER_LIMIT", 2)
    assert first("b") == 1


def test_the_index_answers_what_is_due(tmp_path: Path) -> None:
    """Neither sorting nor a walk through the table is needed, however long the queue is."""

    async def scenario() -> list[str]:
        async with opened(tmp_path) as store:
            await store.summary()
            plan = store._database.rows(  # noqa: SLF001 - the plan of the query that it uses
                f"EXPLAIN QUERY PLAN {schema.DUE}", ("mda", 1, 0.0, 1.0, "[]")
            )
            return [str(row[3]) for row in plan]

    plan = run(scenario())

    assert plan[0] == "SEARCH envelope USING INDEX due (route=? AND priority=? AND due>? AND due<?)"
    assert not any("TEMP B-TREE FOR ORDER" in line for line in plan)
