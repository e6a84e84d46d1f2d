"""A server whose queue is compressed and encrypted: mail survives a kill, and nobody starts without the key."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.homes import COMPLETE, UID, make_home, messages
from tests.servers import Server

KEY, NEW_KEY = "k" * 32, "n" * 32
CONFIGURATION = f"""
listen on 127.0.0.1 port PORT
SETTINGS
table mailboxes {{ mail = "{UID}:{UID}:/home/mail" }}
action "in" maildir userbase <mailboxes>
action "program" mda "cat >copy" userbase <mailboxes>
match from local for domain "program.example" action "program"
match from local for any action "in"
"""
SETTINGS = f'queue compression\nqueue encryption "{KEY}"'
LARGE = COMPLETE + b"Subject: large\r\n\r\n" + b"a line of a large message\r\n" * 10_000


def with_settings(server: Server, settings: str) -> None:
    """Write the configuration anew."""
    server.file.write_text(CONFIGURATION.replace("SETTINGS", settings).replace("PORT", str(server.port)))


def files(server: Server) -> bytes:
    """Return all that is in the spool."""
    spool = server.root / "var/spool/smtpdsl"
    return b"".join(path.read_bytes() for path in spool.rglob("*") if path.is_file())


def test_mail_waits_sealed_and_arrives_as_it_was(open_path: Path) -> None:
    """Also a large message, in the name of its user, for a maildir and for a program; and after the key has changed."""
    server = Server(open_path, CONFIGURATION.replace("SETTINGS", SETTINGS))
    inbox = make_home(server.root)
    server.start("-P", "mda")
    with server.client() as client:
        client.sendmail("ann@client.example", ["mail@here.example", "mail@program.example"], LARGE)
        client.sendmail("ann@client.example", ["mail@here.example"], COMPLETE + b"Subject: small\r\n\r\nhello\r\n")
    server.kill()
    stored = files(server)
    assert not any(word in stored for word in (b"a line of", b"hello", b"mail@here", b"ann@client"))
    assert len(stored) < len(LARGE)

    with_settings(server, f'queue encryption "{NEW_KEY}"\nqueue encryption backup "{KEY}"')
    server.start()
    server.wait_for("result=Ok", count=3)
    server.stop()

    large = LARGE.replace(b"\r\n", b"\n")
    found = messages(inbox)
    assert sorted(len(each) > len(large) for each in found) == [False, True]
    assert all(each.endswith((large, b"Subject: small\n\nhello\n")) for each in found)
    assert (server.root / "home/mail/copy").read_bytes().endswith(large)


def test_the_key_of_what_waits_is_asked_for(open_path: Path) -> None:
    """The refusal says how many messages need it; then it comes over standard input, and the mail is there."""
    server = Server(open_path, CONFIGURATION.replace("SETTINGS", SETTINGS))
    inbox = make_home(server.root)
    server.start("-P", "mda")
    with server.client() as client:
        client.sendmail("ann@client.example", ["mail@here.example"], COMPLETE + b"Subject: small\r\n\r\nhello\r\n")
    server.kill()

    with_settings(server, "queue compression")
    found = server.run()
    assert found.returncode == 1
    assert "1 message needs the key " in found.stderr
    assert KEY not in found.stderr

    with_settings(server, "queue encryption stdin")
    told = Server(open_path, server.file.read_text(), port=server.port, popen=_Told(f"{KEY}\n"))
    told.start()
    told.wait_for("result=Ok")
    told.stop()
    assert messages(inbox)[0].endswith(b"hello\n")


class _Told:
    """Starts a process, and writes to its standard input."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, *arguments: object, **options: object) -> subprocess.Popen[str]:
        process: subprocess.Popen[str] = subprocess.Popen(  # type: ignore[call-overload]  # as it is called
            *arguments, stdin=subprocess.PIPE, **options
        )
        assert process.stdin is not None
        with process.stdin as pipe:
            pipe.write(self._text)
        return process
