"""What waits is compressed and encrypted as the settings say, and what was altered is delivered to nobody."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw
import pytest

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.delivery.content import open_content
from smtpdsl.runtime.interfaces import Attempt, SpooledContent
from smtpdsl.runtime.queue import SpoolError
from smtpdsl.runtime.queue.changing import Change, Deed
from smtpdsl.runtime.queue.checking import TRUST_SECONDS, FileCheck, SpoolDamageError
from smtpdsl.runtime.queue.files import Files
from smtpdsl.runtime.queue.ids import envelope_hex, envelope_number
from smtpdsl.runtime.queue.manager import Settings
from smtpdsl.runtime.queue.opening import open_spool
from smtpdsl.runtime.queue.selection import Selection
from smtpdsl.runtime.queue.store import Summary
from smtpdsl.runtime.sealing.keys import Key, Keys, key_fingerprint
from smtpdsl.runtime.sealing.seals import Seals
from tests.runtime.queue.sample import LATER, PAUSED, Post, local, relayed, run

KEY, OLD = Key(Secret(b"k" * 32)), Key(Secret(b"o" * 32))
PLAIN = Seals()
FORMS = {
    "plain": PLAIN,
    "compressed": Seals(compresses=True),
    "encrypted": Seals(Keys(KEY)),
    "both": Seals(Keys(KEY), compresses=True),
}
BODY = b"Subject: a secret\n\n" + b"nobody knows that\n" * 100
LARGE = 200_000


def paused(seals: Seals) -> Settings:
    """Return the settings of a queue that only takes mail."""
    return PAUSED._replace(seals=seals)


async def fill(folder: Path, seals: Seals) -> tuple[int, int]:
    """Put a small and a large message into the spool at *folder*; return their numbers."""
    async with Post(folder, paused(seals)) as post:
        small = await post.submit(local("joe"), relayed("sue@example.com"), body=BODY)
        return small, await post.submit_large(LARGE, local("bob"))


class Reader(Post):
    """A queue whose agents read what they are given."""

    def __init__(self, folder: Path, seals: Seals = PLAIN) -> None:
        """Deliver from *folder*."""
        super().__init__(folder, Settings(seals=seals))
        self.contents: dict[int, bytes] = {}
        self.local.look = self.relay.look = self._read

    def _read(self, attempt: Attempt) -> None:
        with open_content(attempt.message.content) as opened:
            self.contents[attempt.message.message_id] = b"".join(opened.chunks(b""))


async def delivered(folder: Path, seals: Seals) -> list[bytes]:
    """Deliver everything, and return the content of each message."""
    async with Reader(folder, seals) as post:
        assert await post.queue.summary() == Summary()
        assert post.log.warnings == []
        return [post.contents[number] for number in sorted(post.contents)]


def spoil(folder: Path, statement: str, *values: str | int) -> None:
    """Change the database of a spool that nobody uses."""
    connection = apsw.Connection(str(folder / "queue.db"))
    connection.execute(statement, values).fetchall()
    connection.close()


# ---------------------------------------------------------------- forms


@pytest.mark.parametrize("reader", FORMS)
@pytest.mark.parametrize("writer", FORMS)
def test_settings_may_change_between_runs(tmp_path: Path, writer: str, reader: str) -> None:
    """Each entry says how it is sealed; a key that is written with no more is still read."""
    keys = Keys(FORMS[reader].keys.current, [KEY])
    seals = Seals(keys, compresses="compressed" in reader)

    async def scenario() -> None:
        await fill(tmp_path, FORMS[writer])
        await fill(tmp_path, seals)
        assert await delivered(tmp_path, seals) == [BODY, b"x" * LARGE] * 2

    run(scenario())

    assert not list((tmp_path / "content").iterdir())


@pytest.mark.parametrize("form", ["encrypted", "both"])
def test_nothing_can_be_read_on_the_disk(tmp_path: Path, form: str) -> None:
    """Neither content nor addresses, in the database, its log or a file; the lanes are what the queue sorts by."""

    async def scenario() -> None:
        await fill(tmp_path, FORMS[form])

    run(scenario())

    octets = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    words = (b"secret", b"nobody knows", b"joe@example", b"sue@example", b"xxxxxxxx", b"192.0.2.1", b'"action"')
    assert not any(word in octets for word in words)


def test_what_is_compressed_takes_less_room(tmp_path: Path) -> None:
    """A file by far."""

    async def scenario() -> None:
        _, large = await fill(tmp_path, FORMS["compressed"])
        assert (tmp_path / "content" / f"{large:016x}").stat().st_size < LARGE // 100

    run(scenario())


def test_fresh_mail_is_delivered_from_its_sealed_file(tmp_path: Path) -> None:
    """At once, by whoever gets the key of that message and no other."""

    async def scenario() -> None:
        async with Reader(tmp_path, FORMS["both"]) as post:
            post.local.is_slow = True
            first, second = await post.submit_large(LARGE, local("joe")), await post.submit_large(9, local("joe"))
            await post.settle()
            contents_of = [attempt.message.content for attempt in post.local.running]
            assert post.contents == {first: b"x" * LARGE, second: b"x" * 9}
            keys = [each.seal.key for each in contents_of if isinstance(each, SpooledContent)]
            assert None not in keys
            assert keys[0] != keys[1]
            post.local.finish()

    run(scenario())


# ---------------------------------------------------------------- keys


def refusal(folder: Path, seals: Seals) -> str:
    """Return why the spool cannot be opened, which must not change it."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}
    with pytest.raises(SpoolError) as caught:
        open_spool(folder, seals=seals)
    assert {path: path.read_bytes() for path in before} == before
    return str(caught.value).replace(str(folder), "SPOOL")


@pytest.mark.parametrize("seals", [PLAIN, Seals(Keys(Key(Secret(b"w" * 32))))])
def test_without_the_key_nothing_starts(tmp_path: Path, seals: Seals) -> None:
    """The sentence says how many messages need it, and what to write; with the key all are there."""

    async def scenario() -> None:
        await fill(tmp_path, FORMS["encrypted"])
        assert refusal(tmp_path, seals) == (
            f"the spool SPOOL cannot be used: 2 messages need the key {key_fingerprint(KEY.number)}, which this "
            "configuration does not have: write that key as `queue encryption`, or as `queue encryption backup` if it "
            "is an older one; nothing was changed, and nothing is lost"
        )
        assert await delivered(tmp_path, Seals(Keys(OLD, [KEY]))) == [BODY, b"x" * LARGE]
        # Now nobody needs it.
        assert await delivered(tmp_path, seals) == []

    run(scenario())


def test_two_keys_are_told_of(tmp_path: Path) -> None:
    """Each with its messages, and an envelope that was rebound with another key than its message."""

    async def scenario() -> None:
        await fill(tmp_path, Seals(Keys(OLD)))
        async with Post(tmp_path, paused(Seals(Keys(KEY, [OLD])))) as post:
            number = await post.submit(local("kim"))
            selection = Selection(ids=(envelope_hex(envelope_number(number, 1)),))
            assert (await post.queue.administration.change(selection, Change(Deed.REBIND, "other"))).done == 1
        old, new = key_fingerprint(OLD.number), key_fingerprint(KEY.number)
        assert f"2 messages need the key {old} and 1 message needs the key {new}," in refusal(tmp_path, PLAIN)

    run(scenario())


def test_a_key_that_only_damage_asks_for(tmp_path: Path) -> None:
    """It keeps nobody from starting: what was altered is set aside, and the rest is delivered."""

    async def scenario() -> None:
        small, large = await fill(tmp_path, PLAIN)
        form = KEY.number << 8 | 2
        spoil(tmp_path, "UPDATE message SET sealed = ? WHERE id = ?", form, small)
        spoil(tmp_path, "UPDATE envelope SET facts = ? || substr(facts, 2) WHERE id >> 24 = ?", f"{form:x}", large)
        async with Post(tmp_path) as post:
            assert post.local.attempts == []
            assert await post.queue.summary() == Summary(messages=2, damaged=3)

    run(scenario())


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("damage", ["flip", "cut", "grow", "empty", "gone", "swap"])
def test_a_file_that_was_altered(tmp_path: Path, form: str, damage: str) -> None:
    """It is set aside with a line that names its envelopes, and delivered to nobody; everything else is delivered."""
    seals = FORMS[form]

    async def scenario() -> None:
        _, large = await fill(tmp_path, seals)
        _, other = await fill(tmp_path, seals)
        path, other_path = (tmp_path / "content" / f"{number:016x}" for number in (large, other))
        octets = path.read_bytes()
        if damage == "gone":
            path.unlink()
        elif damage == "swap":
            shutil.copy(other_path, path)
            # The same octets are the same mail, unless they are encrypted; so let it have another length.
            path.write_bytes(path.read_bytes() + (b"" if form in {"encrypted", "both"} else b"y"))
        else:
            middle = len(octets) // 2
            changed = {
                "flip": octets[:middle] + bytes([octets[middle] ^ 1]) + octets[middle + 1 :],
                "cut": octets[:-1],
                "grow": octets + b"\n",
                "empty": b"",
            }
            path.write_bytes(changed[damage])
        async with Reader(tmp_path, seals) as post:
            assert sorted(post.local.users()) == ["bob", "joe", "joe"]
            assert large not in post.contents
            (line,) = post.log.warnings
            assert line.startswith(f"envelope {envelope_hex(envelope_number(large, 1))} is damaged, and is kept")
            assert await post.queue.summary() == Summary(messages=1, damaged=1)
            await post.submit(local("kim"))
            await post.settle()
            assert post.local.users()[-1] == "kim"

    run(scenario())


def test_a_file_that_is_altered_while_the_server_runs(tmp_path: Path) -> None:
    """Between two attempts: the next one looks, however short the time."""

    async def scenario() -> None:
        async with Post(tmp_path) as post:
            post.local.always(LATER)
            number = await post.submit_large(LARGE, local("joe"), local("bob"))
            await post.settle()
            assert len(post.local.attempts) == 2
            (tmp_path / "content" / f"{number:016x}").write_bytes(b"y" * LARGE)
            await post.advance(10)
            assert len(post.local.attempts) == 2
            assert await post.queue.summary() == Summary(messages=1, damaged=2)

    run(scenario())


def test_a_file_that_cannot_be_read_for_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no damage: the message is tried again."""

    def fail(*_: object) -> int:
        raise OSError(5, "Input/output error")

    async def scenario() -> None:
        await fill(tmp_path, PLAIN)
        async with Post(tmp_path) as post:
            assert post.local.users() == ["joe"]
            ((_, _, values), *_) = [event for event in post.log.events if "Input/output error" in event[2]["stat"]]
            assert (values["result"], values["user"]) == ("TempFail", "bob")
            monkeypatch.undo()
            await post.advance(10)
            assert sorted(post.local.users()) == ["bob", "joe"]

    monkeypatch.setattr(Files, "open", fail)
    run(scenario())


def test_a_look_is_remembered_for_a_while(tmp_path: Path) -> None:
    """As long as nobody touches the file; then it is read again, to the last octet."""
    moment = 0.0
    path = tmp_path / "file"
    path.write_bytes(b"octets")
    check = FileCheck(Files(), lambda: moment)
    check.trust(7, path)
    assert check.is_known(7, path)
    assert not check.is_known(8, path)

    moment = TRUST_SECONDS
    assert not check.is_known(7, path)
    check.check(7, path, SpooledContent(str(path), 6))
    assert check.is_known(7, path)
    check.forget(7)
    assert not check.is_known(7, path)
    with pytest.raises(SpoolDamageError, match=r"^its file has 6 of 7 octets$"):
        check.check(7, path, SpooledContent(str(path), 7))


def test_a_page_of_the_database_that_cannot_be_read(tmp_path: Path) -> None:
    """Its messages are set aside; mail is taken and delivered all the same."""

    async def scenario() -> None:
        async with Post(tmp_path, PAUSED) as post:
            numbers = [await post.submit(local(f"u{number}"), body=b"z" * 3000) for number in range(20)]
        # The page of one message, which fills most of it.
        octets = (tmp_path / "queue.db").read_bytes()
        pages = [at for at in range(0, len(octets), 4096) if b"z" * 2900 in octets[at : at + 4096]]
        spoiled = bytearray(octets)
        spoiled[pages[5] : pages[5] + 100] = b"\xff" * 100
        (tmp_path / "queue.db").write_bytes(spoiled)
        async with Post(tmp_path) as post:
            await post.submit(local("kim"))
            await post.settle()
            users = post.local.users()
            assert "kim" in users, post.log.warnings
            assert len(numbers) - 2 <= len(users) - 1 < len(numbers), post.log.warnings
            found = await post.queue.summary()
            assert (found.pending, found.damaged) == (0, len(numbers) + 1 - len(users))
            assert all("is damaged, and is kept" in line for line in post.log.warnings)

    run(scenario())


def test_what_an_older_version_has_left(tmp_path: Path) -> None:
    """It has no checksums and no priorities, and is delivered; a file that was cut is told by its size."""

    async def scenario() -> None:
        await fill(tmp_path, PLAIN)
        _, cut = await fill(tmp_path, PLAIN)
        path = tmp_path / "content" / f"{cut:016x}"
        path.write_bytes(path.read_bytes()[:-1])
        spoil(
            tmp_path,
            """
            UPDATE envelope SET facts = substr(facts, instr(facts, '{'));
            UPDATE message SET facts = substr(facts, instr(facts, '{'));
            DROP INDEX due; DROP INDEX deferred; DROP INDEX sealed;
            ALTER TABLE envelope DROP COLUMN freed; ALTER TABLE envelope DROP COLUMN priority;
            ALTER TABLE message DROP COLUMN digest; ALTER TABLE message DROP COLUMN sealed;
            CREATE INDEX due ON envelope (route, due, lane) WHERE state = 'pending';
            PRAGMA user_version = 2
            """,
        )
        async with Reader(tmp_path, FORMS["both"]) as post:
            assert sorted(map(len, post.contents.values())) == [len(BODY), len(BODY), LARGE]
            assert await post.queue.summary() == Summary(messages=1, damaged=1)
            assert f"its file has {LARGE - 1} of {LARGE} octets" in post.log.warnings[0]

    run(scenario())
