"""The first mail: from a client on a socket to a maildir, through the program as people start it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests.conftest import RequirePeer
from tests.e2e.homes import COMPLETE, UID, make_home, messages
from tests.ports import reserve_port
from tests.servers import Server, running

# The quickstart, with the numbers of whoever runs the tests.
QUICKSTART = """
listen on 127.0.0.1 port PORT
table everyone { "@" = "mail" }
table mailboxes { mail = "UID:UID:/home/mail" }
action "deliver" maildir virtual <everyone> userbase <mailboxes>
match from local for local action "deliver"
""".replace("UID", str(UID))


def test_a_message_reaches_the_maildir(open_path: Path) -> None:
    """With its trace, as it was sent, and with what the log says of it."""
    with running(open_path, QUICKSTART) as server:
        inbox = make_home(server.root)
        with server.client() as client:
            octets = COMPLETE + b"Subject: hello\r\n\r\n.dot\r\ncaf\xc3\xa9\r\n"
            client.sendmail("joe@example.net", ["anybody@localhost"], octets)
        server.wait_for("result=Ok")

    (message,) = messages(inbox)
    trace, first, rest = message.partition(b"Date: ")
    assert first + rest == octets.replace(b"\r\n", b"\n")
    assert trace.startswith(
        b"Return-Path: <joe@example.net>\nDelivered-To: anybody@localhost\nReceived: from client.exam"
    )
    assert server.log_lines(" smtp connected address=127.0.0.1 host=")
    assert server.log_lines(" smtp message msgid=")
    (line,) = server.log_lines(" mda delivery ")
    assert " from=<joe@example.net> to=<anybody@localhost> rcpt=<anybody@localhost> user=mail delay=0s" in line


def test_swaks_delivers_the_first_mail(open_path: Path, require_peer: RequirePeer) -> None:
    """As the first screen of the README shows."""
    swaks = require_peer("swaks")
    with running(open_path, QUICKSTART) as server:
        inbox = make_home(server.root)
        done = swaks.run(
            "--to", "anybody@localhost", "--server", f"127.0.0.1:{server.port}", "--from", "joe@example.net"
        )
        server.wait_for("result=Ok")

    assert done.returncode == 0, done.stdout
    (message,) = messages(inbox)
    assert b"Subject: test" in message


def test_a_stranger_is_refused_by_the_rule(open_path: Path) -> None:
    """The reply is that of `explain`; the log names the rule, the reason and the configuration."""
    with running(open_path, QUICKSTART) as server, server.client() as client:
        client.helo()
        client.mail("joe@example.net")
        assert client.rcpt("ann@example.org") == (550, b"5.1.1 Invalid recipient: <ann@example.org>")
        client.quit()
    (line,) = server.log_lines("smtp failed-command")
    assert 'command="rcpt TO:<ann@example.org>" result="550 5.1.1 Invalid recipient: <ann@example.org>"' in line
    assert ' rule=none why="no rule matches" config=' in line


def test_mail_waits_for_a_mailbox_that_cannot_be_written(open_path: Path) -> None:
    """Temporary trouble stays temporary, and the log says what to mend."""
    with running(open_path, QUICKSTART) as server:
        with server.client() as client:
            client.sendmail("joe@example.net", ["anybody@localhost"], b"Subject: patience\r\n\r\nx\r\n")
        (line,) = server.wait_for("mda delivery")

    assert "result=TempFail" in line
    assert "/home/mail" in line


def test_the_server_stops_when_asked(open_path: Path) -> None:
    """Idle clients are told; the exit status is 0."""
    server = Server(open_path, QUICKSTART)
    server.start()
    client = server.client()
    status = server.stop()

    assert status == 0
    assert client.getreply() == (421, b"4.3.2 The server is stopping, try again later")
    client.close()
    assert server.lines[-1] == "info: Exiting\n"


def test_an_open_transaction_ends_before_the_server(open_path: Path) -> None:
    """SIGTERM in the middle of the mail data loses nothing: the client gets its 250."""
    with running(open_path, QUICKSTART) as server:
        inbox = make_home(server.root)
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            file = connection.makefile("rwb", buffering=0)
            lines = [b"", b"EHLO c.example\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<a@localhost>\r\n", b"DATA\r\n"]
            for line in lines:
                file.write(line)
                while (answer := file.readline())[3:4] == b"-":
                    pass
            assert answer.startswith(b"354"), answer
            os.kill(server.pid, 15)
            server.wait_for("info: stopping")
            file.write(b"Subject: late\r\n\r\nx\r\n.\r\n")
            assert file.readline().startswith(b"250 2.0.0 ")
            assert file.readline().startswith(b"421 4.3.2 ")
        server.wait_for("info: Exiting")

    (message,) = messages(inbox)
    assert b"Subject: late" in message


def refusal(folder: Path, configuration: str, *arguments: str) -> str:
    """Start a server that cannot serve, and return what it says; its exit status is 1 and there is no traceback."""
    server = Server(folder, configuration)
    done = server.run(*arguments)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_port_that_is_taken_is_named(open_path: Path) -> None:
    """With the line that asks for it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refusal(open_path, QUICKSTART.replace("PORT", str(port)))

    place = open_path / "smtpd.conf"
    assert f"Error: cannot listen on 127.0.0.1 port {port} ({place}:2): another program listens there\n" in said


def test_a_spool_has_one_server(open_path: Path) -> None:
    """The second one says which process has it."""
    with running(open_path, QUICKSTART) as server:
        pid = server.pid
        said = refusal(open_path, QUICKSTART.replace("PORT", str(reserve_port())))

    assert f"is in use by process {pid}" in said


def test_what_is_not_served_yet_is_refused(open_path: Path) -> None:
    """With the line, and never ignored."""
    wrapper = 'mda wrapper nice "nice %{mda}"'
    said = refusal(open_path, wrapper + QUICKSTART.replace("maildir virtual", "mbox wrapper nice virtual"))

    assert "error[unsupported-feature]" in said
    assert "smtpd.conf:5:" in said
