"""A queue that takes and delivers mail on a `Disk`, and what has to be found afterwards.

The messages are small and large, for one user or for several, delivered at once, later or never; the log is
copied into the database now and then; and the server is stopped and started again in between.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from smtpdsl.runtime.delivery.content import open_content
from smtpdsl.runtime.delivery.maildir import put_into_maildir
from smtpdsl.runtime.delivery.stop import Stop
from smtpdsl.runtime.interfaces import Attempt, Envelope, MaildirWork, Outcome, StorageError
from smtpdsl.runtime.queue.folder import SpoolError
from smtpdsl.runtime.queue.store import Summary
from tests.durability.disk import Disk, Fault, ModelVfs, beneath
from tests.runtime.queue.sample import LATER, Post, local, run, submission

SPOOL, MAILDIR = "spool", "home/Maildir"
# A message begins with its name, and has its length and its end in it.
_WHOLE = re.compile(rb"message (\w+) (\d+)\n(x*)\nend (\w+)\n")
# Who takes no mail before the second attempt.
SLOW = "slow"


def body_of(name: str, octets: int) -> bytes:
    """Return mail data of which one sees that it is whole."""
    return b"message %s %d\n%s\nend %s\n" % (name.encode(), octets, b"x" * octets, name.encode())


def name_in(octets: bytes) -> str:
    """Return the name of a message, which has to be whole and unaltered."""
    found = _WHOLE.fullmatch(octets)
    assert found, f"altered: {octets[:80]!r} ({len(octets)} octets)"
    assert len(found[3]) == int(found[2])
    assert found[1] == found[4]
    return found[1].decode()


class Town:
    """A folder with a spool and a maildir."""

    def __init__(self, folder: Path) -> None:
        """Use *folder*, in which both may be missing."""
        self.folder = folder
        (folder / "home").mkdir(parents=True, exist_ok=True)

    def post(self, vfs: str | None = None) -> Post:
        """Return a server that delivers into the maildir; not yet started."""
        post = Post(self.folder / SPOOL, vfs=vfs)
        post.local.answer = self.deliver
        return post

    def deliver(self, attempt: Attempt) -> Sequence[Outcome]:
        """Deliver as the supervisor does; a user who is slow gets nothing the first time."""
        (envelope,), message = attempt.envelopes, attempt.message
        if envelope.user == SLOW and not message.was_tried:
            return [LATER]
        stop = Stop()
        work = MaildirWork(
            str(self.folder / MAILDIR), f"{attempt.envelope_ids[0]}.{envelope.user}", may_exist=message.was_tried
        )
        try:
            with open_content(message.content) as content:
                return [put_into_maildir(work, str(self.folder / "home"), b"", content, stop.descriptor)]
        finally:
            stop.close()

    def delivered(self) -> Counter[str]:
        """Count what is in the maildir, by the names of messages and users; all of it has to be whole."""
        new = self.folder / MAILDIR / "new"
        return Counter(
            f"{name_in(path.read_bytes())} for {path.name.rpartition('.')[2]}"
            for path in (new.iterdir() if new.is_dir() else ())
        )

    def recovered(self) -> Counter[str]:
        """Start with what is there, deliver all of it, and count what is in the maildir then."""

        async def deliver_all() -> None:
            async with self.post() as post:
                await post.advance(60)
                left = await post.queue.summary()
                assert left == Summary(), f"left behind: {left} {post.log.warnings}"

        run(deliver_all())
        return self.delivered()


class Story:
    """Messages that come and go on a disk, in the same way each time."""

    def __init__(self, disk: Disk, vfs: ModelVfs) -> None:
        """Let it happen on *disk*."""
        self.disk = disk
        self.town = Town(disk.root)
        self.refused: list[str] = []
        # Why the server did not start; only a fault can cause that.
        self.complaints: list[str] = []
        vfs.disk = disk

    def tell(self) -> None:
        """Run it to its end; faults of the disk are the business of the queue."""
        with beneath(self.disk):
            for life in (self._first_life, self._second_life):
                try:
                    run(life())
                except SpoolError as error:
                    self.complaints.append(str(error))

    async def _first_life(self) -> None:
        async with self.town.post("model") as post:
            await self.send(post, "a", 100, local("joe"))
            await self.send(post, "b", 3000, local("joe"), local("ann"), local(SLOW))
            await self.send_large(post, "c", 5000, local("joe"))
            await post.settle()
            await self.send(post, "d", 9000, local(SLOW))
            await self.send_large(post, "e", 2000, local("ann"), local(SLOW))
            await post.settle()
            await self.send(post, "f", 10, local("joe"))

    async def _second_life(self) -> None:
        async with self.town.post("model") as post:
            await self.send(post, "g", 5000, local("joe"))
            await post.settle()
            await post.advance(30)
            await self.send_large(post, "h", 700, local("joe"))
            await self.send(post, "i", 700, local(SLOW))
            await post.settle()

    async def send(self, post: Post, name: str, octets: int, *envelopes: Envelope) -> None:
        """Hand over the message *name*, and note what is promised, or that it is refused."""
        try:
            await post.submit(*envelopes, body=body_of(name, octets))
        except StorageError:
            self.refused.append(name)
        else:
            self._promise(name, envelopes)

    async def send_large(self, post: Post, name: str, octets: int, *envelopes: Envelope) -> None:
        """Likewise, of a message that is stored in a file."""
        number = post.queue.next_message_id()
        writer = post.queue.open_content(number)
        writer.write(body_of(name, octets))
        message = submission(number, *envelopes, created=post.clock())._replace(content=writer)
        try:
            await post.queue.enqueue(message)
        except StorageError:
            self.refused.append(name)
        else:
            self._promise(name, envelopes)

    def _promise(self, name: str, envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            self.disk.promise(f"{name} for {envelope.user}")


def told(place: Path, vfs: ModelVfs, fault: Fault | None = None) -> Story:
    """Let the story happen in a new folder of *place*."""
    root = place / "disk"
    shutil.rmtree(root, ignore_errors=True)
    (root / "home").mkdir(parents=True)
    story = Story(Disk(root, fault), vfs)
    story.tell()
    if fault is None:
        assert story.complaints + story.refused == []
    return story
