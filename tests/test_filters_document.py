"""The program of docs/filters.md does what the page says."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from tests.peers import ROOT
from tests.runtime.filters.program_places import contents, play
from tests.runtime.net.places import Client, Place


def test_the_program_of_the_page(tmp_path: Path) -> None:
    """It refuses who should be refused, marks the others, and tells the log."""
    (text,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/filters.md").read_text(), re.DOTALL)
    program = tmp_path / "program.py"
    program.write_text(text)
    command = shlex.join([sys.executable, "-I", "-S", str(program)])

    async def scene(_: Place, client: Client) -> None:
        await client.say()
        assert await client.say("HELO c.test\r\nMAIL FROM:<money@c.test>\r\n", count=2) == [
            ["250 mx.test Hello c.test [127.0.0.1], pleased to meet you"],
            ["550 5.7.1 no money here"],
        ]
        words = "MAIL FROM:<ann@c.test>\r\nRCPT TO:<alice@local.test>\r\nDATA\r\n"
        assert await client.codes(words, count=3) == ["250", "250", "354"]
        assert await client.codes("Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n", count=2) == ["250", "221"]
        assert await client.rest() == b""

    place = play(f'filter a proc-exec "{command}"\n', scene)
    (content,) = contents(place)
    assert content.startswith("X-Money: none\nReceived: from c.test")
    assert place.log.warnings == ["a: a client has left"]
