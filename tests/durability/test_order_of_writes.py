"""docs/durability.md shows the order of writes as it is: the calls of a server, recorded, stand between its marks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smtpdsl.runtime.interfaces import Route
from smtpdsl.runtime.queue import sqlite
from tests.conftest import CompareGolden
from tests.durability.disk import (
    Disk,
    Event,
    FailedSync,
    ModelVfs,
    Name,
    Names,
    Promise,
    Sync,
    Truncate,
    Write,
    beneath,
)
from tests.durability.workload import Story
from tests.runtime.queue.sample import local, run

PAGE = Path(__file__).parents[2] / "docs" / "durability.md"
_MARKED = re.compile(r"(?<=<!-- order -->\n).*?(?=<!-- end -->)", re.DOTALL)
# Numbers of messages, names in a maildir, and what makes these different from each other.
_NUMBER, _NAME, _RANDOM = (re.compile(each) for each in (r"\b[0-9a-f]{16}$", r"[0-9a-f]{16}\.joe", r"\.[0-9a-f]{8}$"))


TITLES = ("a message", "a message of more than 64 KiB", "its delivery into a maildir", "now and then, and at the end")


class _Lines:
    """The events of a disk as lines, with the names that things had when they happened."""

    def __init__(self, disk: Disk) -> None:
        """Describe all of them."""
        self._disk = disk
        self._names: dict[int, str] = {}
        self._lines = [self._describe(event) for event in disk.events]

    def between(self, start: int, end: int) -> list[str]:
        """Return the lines from *start* to *end*, what is done several times in a row once."""
        lines = self._lines[start:end]
        return [line for before, line in zip(["", *lines], lines, strict=False) if line != before]

    def _describe(self, event: Event) -> str:
        match event:
            case Write(node) | Truncate(node):
                return f"write    {self._shown(node)}"
            case Sync(node) | FailedSync(node):
                return f"sync     {self._shown(node)}"
            case Names(changes):
                return self._rename(changes)
            case Promise():
                return "         250"

    def _rename(self, changes: tuple[Name, ...]) -> str:
        *gone, (folder, name, node) = changes
        path = f"{self._path(folder)}/{name}"
        if node is None:
            return f"remove   {_short(path)}"
        before = self._names.get(node, "")
        self._names[node] = path
        return f"rename   {_short(before)}  to  {_short(path)}" if gone else f"make     {_short(path)}"

    def _path(self, node: int) -> str:
        return self._names.get(node) or self._disk.names[node]

    def _shown(self, node: int) -> str:
        return _short(self._path(node)) + ("/" if self._disk.is_folder(node) else "")


def _short(path: str) -> str:
    path = re.sub(r"^(\./)?spool/|^home/(?=Maildir)", "", path)
    return _RANDOM.sub(".RANDOM", _NAME.sub("NAME", _NUMBER.sub("N", path)))


def recorded(folder: Path, vfs: ModelVfs) -> str:
    """Let a small and a large message be taken and delivered, and describe what is done for them."""
    disk = vfs.disk = Disk(folder)
    story = Story(disk, vfs)
    parts: list[tuple[int, int]] = []

    async def scenario() -> None:
        async with story.town.post("model") as post:
            # What is made once is there afterwards.
            await post.submit(local())
            await post.settle()
            for name, octets in (("small", 4000), ("large", 200_000)):
                post.queue.pause(Route.LOCAL)
                start = len(disk.events)
                send = story.send if name == "small" else story.send_large
                await send(post, name, octets, local())
                parts.append((start, len(disk.events)))
                post.queue.resume(Route.LOCAL)
                await post.settle()
            parts.append((parts[-1][1], len(disk.events)))

    with beneath(disk):
        run(scenario())
    parts.append((parts[-1][1], len(disk.events)))
    lines = _Lines(disk)
    blocks = [[title, *lines.between(*part)] for title, part in zip(TITLES, parts, strict=True)]
    return "\n\n".join("\n    ".join(block) for block in blocks)


def test_the_order_of_writes(
    place: Path, vfs: ModelVfs, monkeypatch: pytest.MonkeyPatch, golden: CompareGolden
) -> None:
    """Between its comments; ``--update-golden`` writes it anew."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 10_000)
    (place / "home").mkdir()
    text = PAGE.read_text(encoding="utf-8")

    assert len(_MARKED.findall(text)) == 1
    order = recorded(place, vfs)
    golden(PAGE, _MARKED.sub(lambda _: f"```text\n{order}\n```\n", text))
