"""The tables of the embedded store.

    spool       one row: the number of the server's run, and the next number for a message
    message     facts and octets, one row for all its envelopes; octets are NULL if a file has them
    envelope    id = message << 24 | position, so the envelopes of a message lie side by side

Pending envelopes are found by the index `due`, those of one priority by the time they are due; it covers the
lane, so that those of a full lane are passed over without reading their rows.  The index `deferred` has those
that have failed, by lane; `sealed` the messages that need a key, so that a start need not look at all of them.
"""

from __future__ import annotations

# `PRAGMA user_version`: raised with every change of the tables, or of the facts in them.
# 2 has the options of messages and recipients among the facts; the tables are those of 1.
# 3 has columns more, which `CONVERT` adds to the tables of older ones.
SCHEMA = 3
# `PRAGMA application_id`: tells a queue from any other SQLite database.
APPLICATION_ID = int.from_bytes(b"smtq")

# A message of 4 KiB costs 6 KiB of writing with pages of 4096 octets, and 10 KiB with larger ones, which save CPU
# only beyond 16 KiB; one message alone costs half as much as with 8192.
PAGE_OCTETS = 4096
# The log is copied into the database when it has 8 MiB.  What is delivered before that is hardly copied; a longer
# one saves 6 % of the writing and makes messages wait three times as long while it is copied.
CHECKPOINT_PAGES = 8 * 1024 * 1024 // PAGE_OCTETS

CONNECTION = f"""
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = {4 * CHECKPOINT_PAGES * PAGE_OCTETS};
    PRAGMA cache_size = -16384;
    PRAGMA temp_store = MEMORY;
    PRAGMA trusted_schema = OFF;
"""

_INDEXES = """
    CREATE INDEX due ON envelope (route, priority, due, lane) WHERE state = 'pending';
    CREATE INDEX deferred ON envelope (lane, due) WHERE state = 'pending' AND tries > 0;
    CREATE INDEX sealed ON message (sealed) WHERE sealed > 1;
"""

CREATE = f"""
    PRAGMA page_size = {PAGE_OCTETS};
    PRAGMA journal_mode = WAL;
    BEGIN;
    CREATE TABLE spool (
        run INTEGER NOT NULL,
        next_number INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE message (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL,
        created REAL NOT NULL,
        facts TEXT NOT NULL,
        size INTEGER NOT NULL,
        digest BLOB,
        sealed INTEGER NOT NULL DEFAULT 0,
        octets BLOB
    ) STRICT;
    CREATE TABLE envelope (
        id INTEGER PRIMARY KEY,
        state TEXT NOT NULL,
        route TEXT NOT NULL,
        lane TEXT NOT NULL,
        due REAL NOT NULL,
        tries INTEGER NOT NULL,
        last_try REAL NOT NULL,
        last_error TEXT NOT NULL,
        last_status TEXT NOT NULL,
        facts TEXT NOT NULL,
        freed REAL NOT NULL DEFAULT 0.0,
        priority INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    {_INDEXES}
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA user_version = {SCHEMA};
"""
# What was written with an older schema gets the columns that it has not; a server that knows only that one has to
# keep away then.
CONVERT = f"""
    BEGIN IMMEDIATE;
    ALTER TABLE envelope ADD COLUMN freed REAL NOT NULL DEFAULT 0.0;
    ALTER TABLE envelope ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE message ADD COLUMN digest BLOB;
    ALTER TABLE message ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
    DROP INDEX due;
    {_INDEXES}
    PRAGMA user_version = {SCHEMA};
    COMMIT;
"""
FIRST_ROW = "INSERT INTO spool (run, next_number) VALUES (0, ?)"

NEXT_RUN = "UPDATE spool SET run = run + 1 RETURNING run"
RESERVE = "UPDATE spool SET next_number = next_number + ? RETURNING next_number"
RESERVE_BEYOND = "UPDATE spool SET next_number = ?1 + 1 WHERE next_number <= ?1"

ADD_MESSAGE = """
    INSERT INTO message (id, run, created, facts, size, digest, sealed, octets) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
ADD_ENVELOPE = """
    INSERT INTO envelope (id, state, route, lane, due, tries, last_try, last_error, last_status, facts, priority)
    VALUES (?, 'pending', ?, ?, ?, 0, 0.0, '', '', ?, ?)
"""

REMOVE_ENVELOPE = "DELETE FROM envelope WHERE id = ?"
UPDATE_ENVELOPE = """
    UPDATE envelope SET state = ?, due = ?, tries = ?, last_try = ?, last_error = ?, last_status = ? WHERE id = ?
"""
# The message goes when it has no envelopes; says whether a file had its octets.
REMOVE_MESSAGE = """
    DELETE FROM message WHERE id = ?1
    AND NOT EXISTS (SELECT 1 FROM envelope WHERE id BETWEEN ?1 << 24 AND ?1 << 24 | 0xFFFFFF)
    RETURNING id, octets IS NULL
"""

# Asked again and again for the next lower one: there are few, and many envelopes of each.
NEXT_PRIORITY = """
    SELECT max(priority) FROM envelope INDEXED BY due WHERE state = 'pending' AND route = ? AND priority < ?
"""
DUE = """
    SELECT id, lane, due, tries, last_try, last_error, last_status, facts, freed, priority
    FROM envelope INDEXED BY due
    WHERE state = 'pending' AND route = ? AND priority = ? AND due BETWEEN ? AND ?
    AND lane NOT IN (SELECT value FROM json_each(?))
    ORDER BY due
"""
NEXT_DUE = """
    SELECT min(due) FROM envelope INDEXED BY due WHERE state = 'pending' AND route = ? AND priority = ? AND due > ?
"""
MESSAGE = "SELECT run, created, facts, size, digest, sealed, octets FROM message WHERE id = ?"
# Of a lane whose host could not be reached (RFC 3463, 4.4.z), those that wait longest.
HURRY = """
    UPDATE envelope SET due = ?1 WHERE id IN (
        SELECT id FROM envelope INDEXED BY deferred
        WHERE state = 'pending' AND tries > 0 AND lane = ?2 AND due > ?1 AND route = ?3 AND last_status LIKE '4.4.%'
        ORDER BY due LIMIT ?4
    ) RETURNING id
"""
SEALED_FORMS = "SELECT DISTINCT sealed FROM message INDEXED BY sealed WHERE sealed > 1"
SEALED = "SELECT id, digest, octets FROM message INDEXED BY sealed WHERE sealed = ? AND sealed > 1"
COUNT_SEALED = "SELECT count(*) FROM message INDEXED BY sealed WHERE sealed = ? AND sealed > 1"
# What stands before the first point in the facts of envelopes; those without a checksum begin with a brace.
ENVELOPE_FORMS = "SELECT DISTINCT substr(facts, 1, instr(facts, '.')) FROM envelope WHERE facts NOT GLOB '{*'"
ENVELOPES_OF_FORM = "SELECT id, route, facts FROM envelope WHERE substr(facts, 1, instr(facts, '.')) = ?"
SET_ASIDE = "UPDATE envelope SET state = 'damaged', last_error = ? WHERE id = ?"

COUNT_STATE = "SELECT count(*) FROM envelope WHERE state = ?"
# Asked of the envelopes, whose table is small; that of the messages has their octets in it.
COUNT_MESSAGES = "SELECT count(DISTINCT id >> 24) FROM envelope"
HAS_FILE = "SELECT count(*) FROM message WHERE id = ? AND octets IS NULL"
