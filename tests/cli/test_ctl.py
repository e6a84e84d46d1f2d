"""`smtpdsl ctl` without a server: the spool answers, and whoever asks for something else is told why not."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smtpdsl.cli import control_queue_text
from smtpdsl.cli.main import main
from smtpdsl.mail.address import ReversePath
from smtpdsl.runtime.control.frames import encode
from smtpdsl.runtime.control.port import MODE, PATH
from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.net.unix_socket import unix_socket
from smtpdsl.runtime.queue.folder import SPOOL
from smtpdsl.runtime.queue.ids import envelope_hex, envelope_number, message_hex
from smtpdsl.runtime.queue.manager import Queue
from smtpdsl.runtime.queue.opening import open_spool
from smtpdsl.runtime.sealing.keys import Key, key_fingerprint
from tests.runtime.queue.sample import PAUSED, Journal, local, relayed, submission

CONFIGURATION = """\
listen on 127.0.0.1 port 2525
action "out" relay
action "local" maildir
action "better" relay host "smtp://relay.example"
match from any for local action "local"
match from any for any action "out"
"""


class Spool:
    """A root with a spool in it."""

    def __init__(self, root: Path) -> None:
        """Make a queue with three envelopes of two messages."""
        self.root = root
        self.folder = Path(f"{root}{SPOOL}")
        self.messages = asyncio.run(self._fill())
        self.shown = [message_hex(number) for number in self.messages]
        (root / "smtpd.conf").write_text(CONFIGURATION)

    async def _fill(self) -> list[int]:
        queue = Queue(self.folder, {}, Journal(), time.time, PAUSED)
        await queue.start()
        numbers = [queue.next_message_id() for _ in range(2)]
        now = time.time()
        first = submission(numbers[0], relayed("sue@example.com"), local("joe"), created=now)
        second = submission(numbers[1], relayed("tim@far.example"), created=now)
        await queue.enqueue(first)
        await queue.enqueue(second._replace(reverse_path=ReversePath()))
        await queue.stop(0)
        return numbers

    def envelope(self, message: int, position: int) -> str:
        """Return how an envelope is shown."""
        return envelope_hex(envelope_number(self.messages[message], position))

    def ctl(self, *words: str) -> Result:
        """Run the command."""
        return CliRunner().invoke(main, ["ctl", "--root", str(self.root), *words], catch_exceptions=False)

    def rows(self, *words: str) -> list[dict[str, object]]:
        """Return what is listed."""
        found = self.ctl("show", "queue", "--json", *words)
        assert found.exit_code == 0, found.output
        return [json.loads(line) for line in found.stdout.splitlines()]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """Make one, that belongs to whoever runs the tests."""
    return Spool(tmp_path)


def test_a_spool_is_listed_without_a_server(spool: Spool) -> None:
    """And said to be one; nothing of it changes."""
    before = (spool.folder / "queue.db").read_bytes()
    found = spool.ctl("sh", "q")

    said = f"no server is running; this is the spool {spool.folder}"
    assert found.stderr == f"{said}; -f names a configuration, for its actions and keys\n"
    assert spool.ctl("sh", "q", "-f", str(spool.root / "smtpd.conf")).stderr == f"{said}\n"
    assert found.stdout.splitlines()[::2] == [
        f"{spool.envelope(0, 1)}  pending    now        <ann@example.net> -> <sue@example.com>",
        f"{spool.envelope(0, 2)}  pending    now        <ann@example.net> -> <joe@example.org>",
        f"{spool.envelope(1, 1)}  pending    now        <> -> <tim@far.example>",
        "3 envelopes of 2 messages",
    ]
    assert (spool.folder / "queue.db").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--from", "ann@example.net"], ["sue", "joe"]),
        (["--from", "<>"], ["tim"]),
        (["--to", "*@example.*"], ["sue", "joe"]),
        (["--domain", "far.example", "--state", "pending", "--state", "held"], ["tim"]),
        (["--action", "local"], ["joe"]),
        (["--error", "refused"], []),
        (["--state", "suspended"], []),
        (["--state", "inflight"], []),
    ],
)
def test_filters(spool: Spool, words: list[str], expected: list[str]) -> None:
    """Each option is one."""
    assert [str(row["recipient"]).partition("@")[0] for row in spool.rows(*words)] == expected


def test_scripts_for_opensmtpd_find_their_fields(spool: Spool) -> None:
    """Fourteen of them, in their order; the seconds are empty where no server runs."""
    found = spool.ctl("show", "queue", "--format", "smtpctl")
    first, _, last = (line.split("|") for line in found.stdout.splitlines())
    created, expires = first[7:9]

    assert first[:7] == [
        spool.envelope(0, 1),
        "inet4",
        "mta",
        "",
        "ann@example.net",
        "sue@example.com",
        "sue@example.com",
    ]
    assert int(expires) - int(created) == 4 * 86400
    assert first[9:] == ["0", "0", "offline", "", ""]
    assert last[3:5] == ["bounce", "@"]


def test_envelopes_are_changed_without_a_server(spool: Spool) -> None:
    """By their identifiers, by filters, or all of them."""
    assert spool.ctl("hold", spool.envelope(0, 2)).stdout == "1 envelope suspended\n"
    assert spool.ctl("pause", "envelope", "--to", "tim@*", "--format", "smtpctl").stdout == "1 envelope(s) paused\n"
    assert [row["state"] for row in spool.rows()] == ["pending", "suspended", "suspended"]
    assert spool.ctl("release", "all").stdout == "2 envelopes released\n"
    assert spool.ctl("remove", spool.shown[0]).stdout == "2 envelopes removed\n"
    assert [row["message"] for row in spool.rows()] == [spool.shown[1]]
    assert spool.ctl("remove", "all").stdout == "1 envelope removed\n"
    assert spool.ctl("show", "queue").stdout == "no envelopes\n"


def test_another_action_has_to_be_one(spool: Spool) -> None:
    """Of the configuration that is named, and for the same way out; unless it is forced."""
    configuration = ("-f", str(spool.root / "smtpd.conf"))

    assert "the configuration has no action" in spool.ctl("rebind", "all", "to", "better").stderr
    assert "the configuration has no action" in spool.ctl("rebind", "all", "to", "bettr", *configuration).stderr
    assert spool.ctl("rebind", "all", "to", "better", *configuration).stdout == (
        "2 envelopes bound to the action; 1 more cannot be: they leave the queue in another way than this action has\n"
    )
    assert (
        spool.ctl("rebind", spool.envelope(0, 2), "to", "next", "--force").stdout == "1 envelope bound to the action\n"
    )
    assert [row["action"] for row in spool.rows()] == ["better", "next", "better"]


def test_what_is_known_of_an_envelope_and_its_message(spool: Spool) -> None:
    """Everything of the one; the other as it would be delivered."""
    found = spool.ctl("show", "envelope", spool.envelope(0, 2))
    assert "action: local\n" in found.stdout
    assert "client.helo: mx.example.net\n" in found.stdout

    assert spool.ctl("show", "message", spool.shown[0]).stdout == "Subject: hello\n\nworld\n"


def test_the_keys_of_a_spool_and_of_the_configuration(spool: Spool) -> None:
    """By their fingerprints, and never themselves."""
    keys = [letter * 32 for letter in "no"]
    path = spool.root / "encrypted.conf"
    path.write_text(f'queue encryption "{keys[0]}"\nqueue encryption backup "{keys[1]}"\n{CONFIGURATION}')
    names = [key_fingerprint(Key(Secret(each.encode())).number) for each in keys]

    found = spool.ctl("show", "keys", "-f", str(path))

    assert found.stdout.splitlines() == [
        f"{names[0]}  current        0 messages",
        f"{names[1]}  backup         0 messages",
        "-         not encrypted  2 messages",
    ]
    assert not any(key in found.output for key in keys)
    assert "keys: -" in spool.ctl("show", "envelope", spool.shown[1]).stdout.splitlines()


def test_a_damaged_message_is_printed_and_is_an_error(spool: Spool) -> None:
    """Whoever prints it wants to see it, and has to know that it is another."""

    async def fill() -> int:
        queue = Queue(spool.folder, {}, Journal(), time.time, PAUSED)
        await queue.start()
        number = queue.next_message_id()
        writer = queue.open_content(number)
        if (waiting := writer.write(b"hello\n" * 50_000)) is not None:
            await waiting
        await queue.enqueue(submission(number, local("joe"))._replace(content=writer))
        await queue.stop(0)
        return number

    number = asyncio.run(fill())
    path = spool.folder / "content" / f"{number:016x}"
    path.write_bytes(b"j" + path.read_bytes()[1:])

    found = spool.ctl("show", "message", message_hex(number))
    assert (found.exit_code, found.stdout) == (1, "jello\n" + "hello\n" * 49_999)
    assert found.stderr.splitlines()[-1] == (
        f"Error: the message {message_hex(number)} is damaged, and not what came in: "
        "its file was altered: its checksum is another"
    )
    with closing(sqlite3.connect(spool.folder / "queue.db")) as database, database:
        database.execute("UPDATE message SET octets = CAST('jello' AS BLOB) WHERE id = ?", (spool.messages[0],))
    found = spool.ctl("show", "message", spool.shown[0])
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr.splitlines()[-1] == (
        "Error: the message cannot be read: it was altered: its checksum is another"
    )


@pytest.mark.parametrize(
    ("words", "status", "problem"),
    [
        (["schedule"], 2, "expected identifiers, a filter, or `all`: schedule ID…|all"),
        (["rebind", "to", "out"], 2, "expected identifiers, a filter, or `all`: rebind"),
        (["rebind", "all"], 2, "then `to` and an action"),
        (["show", "stats", "--to", "x"], 2, "`show stats` takes no filters"),
        (["show", "stats", "more"], 2, 'nothing follows here, found "more"'),
        (["show", "envelope"], 2, "expected one identifier"),
        (["remove", "5f1e"], 2, "expected the 8 digits of a message or the 16 of an envelope, found 5f1e"),
        (["remove", "5f1e02aa9c31d400"], 2, "of an envelope: its digits do not belong together; is one mistyped?"),
        (["s"], 2, '"s" is ambiguous'),
        ([], 2, "expected a command; possibilities are: show"),
        (["remove", "--state", "inflight"], 2, "expected one of pending, held, damaged, suspended as a state"),
        (["remove", "all", "--force"], 2, "`--force` is for `rebind`"),
        (["remove", "00000000"], 1, "not in the queue: 00000000"),
        (["show", "queue", "00000000"], 1, "not in the queue: 00000000"),
        (["show", "queue", "--json", "--format", "smtpctl"], 2, "`--json` and `--format smtpctl` are two forms"),
        (["show", "message", "00000000"], 1, "not in the queue: 00000000"),
        (["show", "stats"], 1, "no server is running, so there is nobody to ask for `show stats`"),
        (["pause", "mda"], 1, "no server is running, so there is nobody to ask for `pause`"),
    ],
)
def test_mistakes_are_one_sentence(spool: Spool, words: list[str], status: int, problem: str) -> None:
    """With what was expected; 2 for the command line, 1 for what the queue says."""
    found = spool.ctl(*words)

    assert found.exit_code == status
    assert problem in found.stderr.splitlines()[-1]
    assert len(spool.rows()) == 3


def test_identifiers_may_be_written_in_capitals(spool: Spool) -> None:
    """They are digits; what is listed has small letters."""
    shown = spool.envelope(0, 2)
    assert [row["id"] for row in spool.rows(shown.upper(), spool.shown[1].upper())] == [shown, spool.envelope(1, 1)]


def test_what_is_named_has_to_be_there(spool: Spool) -> None:
    """What is there is listed all the same; a filter that takes nothing of it is no mistake."""
    found = spool.ctl("show", "queue", "--json", spool.shown[1], "00000000", "ffffffff")
    assert [json.loads(line)["message"] for line in found.stdout.splitlines()] == [spool.shown[1]]
    assert (found.exit_code, found.stderr.splitlines()[-1]) == (1, "Error: not in the queue: 00000000, ffffffff")
    assert spool.ctl("show", "queue", spool.shown[1], "--to", "joe@*").stdout == "no envelopes\n"


def test_what_does_nothing_tells_why(spool: Spool) -> None:
    """If the envelopes were named."""
    spool.ctl("hold", spool.shown[1])
    for form in ("text", "json"):
        found = spool.ctl("schedule", spool.shown[1], "--format", form)
        assert (found.exit_code, found.stdout) == (1, "")
        assert found.stderr.splitlines()[-1] == (
            f"Error: `schedule` does nothing with what is suspended, as {spool.envelope(1, 1)} is"
        )
    old = spool.ctl("schedule", spool.shown[1], "--format", "smtpctl")
    assert (old.exit_code, old.stdout) == (0, "0 envelope(s) scheduled\n")
    assert spool.ctl("schedule", "all").stdout == "2 envelopes scheduled\n"


def test_there_is_neither_a_server_nor_a_spool(tmp_path: Path) -> None:
    """The sentence says where one was looked for."""
    found = CliRunner().invoke(main, ["ctl", "--root", str(tmp_path), "show", "queue"])

    assert found.exit_code == 1
    assert found.stderr == (
        f"Error: no server is running, and {tmp_path}{SPOOL} is no spool: "
        "if the server has another --root, name that one\n"
    )
    assert list(tmp_path.iterdir()) == []
    gone = CliRunner().invoke(main, ["ctl", "--root", f"{tmp_path}/gone", "show", "queue"])
    assert gone.stderr.endswith(f"no spool: there is no folder {tmp_path}/gone\n")


def test_a_spool_that_a_server_has(spool: Spool) -> None:
    """Without a socket it cannot be asked, and its spool is left alone."""
    opened = open_spool(spool.folder)
    listed, removed = spool.ctl("show", "queue"), spool.ctl("remove", "all")
    opened.store.abort()
    opened.lock.release()

    assert (listed.exit_code, removed.exit_code) == (1, 1)
    assert "is in use" in listed.stderr
    assert f"is in use by process {os.getpid()}" in removed.stderr
    assert len(spool.rows()) == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_server_of_somebody_else() -> None:
    """Neither its socket nor its spool says anything."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        spool, path = Spool(Path(name)), f"{name}{PATH}"
        # Python may lie where only root gets to: whatever is imported late, is imported now.
        assert len(spool.rows()) == 3
        with unix_socket(path, MODE):
            asked = as_nobody(spool.ctl, "show", "queue")
        gone = as_nobody(spool.ctl, "show", "queue")

    assert (asked.exit_code, gone.exit_code) == (1, 1)
    assert asked.stderr == f"Error: permission denied: {path} is for root and for whoever has started the server\n"
    assert gone.stderr == f"Error: the spool {spool.folder} cannot be used: permission denied, queue.db\n"


def as_nobody(ctl: Callable[..., Result], *words: str) -> Result:
    """Run the command without the rights of root."""
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        return ctl(*words)
    finally:
        os.seteuid(0)


def frame(text: bytes) -> bytes:
    """Return what passes for an object."""
    return len(text).to_bytes(4) + text


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"", "the server has ended the connection without an answer"),
        (b"\xff\xff\xff\xff", "the server has answered something else than was asked for: expected at most"),
        (encode({"item": []}), "the server has answered something else than was asked for"),
        (encode({"item": {"id": 3}}), "the server has answered something else than was asked for"),
        (frame(b'{"item":{"state":"pending","due":1e999}}'), "the server has answered something else than was asked"),
        (frame(b'{"item":{"created":NaN}}'), "the server has answered something else than was asked for"),
        (frame(b'{"item":{"tries":1%s}}' % (b"0" * 400)), "the server has answered something else than was asked for"),
        (encode({"error": "no\x1b[0m", "kind": ""}), "Error: no\\x1b[0m\n"),
    ],
)
def test_a_server_is_not_believed_either(tmp_path: Path, answer: bytes, problem: str) -> None:
    """What it says has the right form, or is an error; nothing of it reaches the terminal as it is."""
    with unix_socket(str(tmp_path / "var/run/smtpdsl-control.sock"), MODE) as server:
        server.setblocking(True)  # noqa: FBT003 - as the socket module has it
        loop = asyncio.new_event_loop()
        reply = loop.run_in_executor(None, _answer, server, answer)
        found = CliRunner().invoke(main, ["ctl", "--root", str(tmp_path), "show", "queue"])
        loop.run_until_complete(reply)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    assert found.exit_code == 1
    assert problem in found.stderr


def _answer(server: socket.socket, octets: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(octets)


def test_times_and_states_are_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Since when, how often, and what has gone wrong; what a peer has said cannot do anything to a terminal."""
    monkeypatch.setattr(time, "time", lambda: 10_000.0)
    row = {
        "id": "5f1e02aa9c31d407",
        "message": "5f1e02aa",
        "state": "pending",
        "route": "mta",
        "action": "out",
        "sender": "ann@example.net",
        "recipient": "joe@example.org",
        "dest": "bob@example.com",
        "created": 9_000.0,
        "due": 10_373.5,
        "tries": 1,
        "size": 436,
        "error": "451 4.2.0 \x1b[31mtry\nlater",
        "problem": "",
        "source": "[2001:db8::1]",
        "login": "ann",
        "expires": 20_000.0,
        "last_try": 9_500.0,
    }
    running = row | {"state": "inflight", "started": 9_940.0, "tries": 0, "error": "", "size": 1}
    broken = row | {"state": "damaged", "recipient": None, "problem": "its checksum is wrong"}
    altered = row | {"state": "damaged", "problem": "its file is not there"}
    locked = row | {
        "recipient": None,
        "sender": None,
        "problem": "it needs the key 5f1e02aa",
        "missing_key": "5f1e02aa",
    }

    assert list(control_queue_text.listing([row, running, broken, altered, locked])) == [
        "5f1e02aa9c31d407  pending    in 6m13s   <ann@example.net> -> <joe@example.org> as <bob@example.com>",
        '                  action "out", 1 try in 16m40s, 436 octets: 451 4.2.0 \\x1b[31mtry\\nlater',
        "5f1e02aa9c31d407  inflight   for 1m     <ann@example.net> -> <joe@example.org> as <bob@example.com>",
        '                  action "out", not tried in 16m40s, 1 octet',
        "5f1e02aa9c31d407  damaged    -          <ann@example.net> -> <?>",
        "                  its checksum is wrong",
        "5f1e02aa9c31d407  damaged    -          <ann@example.net> -> <joe@example.org> as <bob@example.com>",
        '                  action "out", 1 try in 16m40s, 436 octets: its file is not there',
        "5f1e02aa9c31d407  needs key  -          <?> -> <?>",
        "                  it needs the key 5f1e02aa",
        "5 envelopes of 1 message",
    ]
    known = "5f1e02aa9c31d407|inet6|mta|auth|ann@example.net|joe@example.org|bob@example.com|9000|20000|9500"
    assert list(control_queue_text.old_listing([row, running])) == [
        rf"{known}|1|pending|373|451 4.2.0 \x1b[31mtry\nlater",
        f"{known}|0|inflight|60|",
    ]
