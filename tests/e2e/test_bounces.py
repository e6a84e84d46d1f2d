"""Reports to senders, through the program as people start it."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path

from tests.e2e.homes import UID, make_home, messages
from tests.e2e.test_first_mail import QUICKSTART
from tests.e2e.test_relay_chain import LAST, folder, relay_to
from tests.servers import Server, running

# Whoever writes from localhost has a mailbox here; nothing ever reaches anybody in lost.test.
RULES = (
    QUICKSTART
    + """
table lost { lost = "UID:UID:/home/mail" }
table nobody { "@" = "lost" }
action "lose" mda "cat >/dev/null; echo no such box; exit 67" virtual <nobody> userbase <lost>
match from any for domain "lost.test" action "lose"
match from any for domain "localhost" action "deliver"
""".replace("UID", str(UID))
)
ANN = "ann@localhost"
MAIL = b"From: ann@localhost\r\nSubject: hello\r\n\r\nworld\r\n"


def report_in(inbox: Path) -> EmailMessage:
    """Return the only message of *inbox*, a report."""
    (octets,) = messages(inbox)
    found = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert found["Return-Path"] == "<>"
    assert found.get_content_type() == "multipart/report"
    return found


def fields_in(report: EmailMessage) -> dict[str, str]:
    """Return what programs read of the only recipient."""
    _, status, _ = report.iter_parts()
    *_, group = status.walk()
    return {name: str(value) for name, value in group.items()}


def held(server: Server) -> str:
    """Start *server* once more, and return what its queue has."""
    server.start()
    (summary,) = server.log_lines("info: the queue has")
    server.stop()
    return summary


def test_a_sender_hears_of_a_failure(open_path: Path) -> None:
    """In the mailbox that the message came from, with what the program has said."""
    server = Server(open_path, RULES)
    server.start()
    inbox = make_home(server.root)
    with server.client() as client:
        client.sendmail(ANN, ["joe@lost.test"], MAIL, ["RET=FULL", "ENVID=Q3"], ["ORCPT=rfc822;joe+2Bx@lost.test"])
    server.wait_for("result=Ok")
    server.stop()

    report = report_in(inbox)
    fields = fields_in(report)
    assert report["To"] == ANN
    assert fields["Original-Recipient"] == "rfc822;joe+x@lost.test"
    assert fields["Final-Recipient"] == "rfc822; joe@lost.test"
    assert (fields["Action"], fields["Status"]) == ("failed", "5.1.1")
    assert "no such box" in fields["Diagnostic-Code"]
    *_, returned = report.iter_parts()
    assert returned.get_content_type() == "message/rfc822"
    assert "\nSubject: hello\n" in returned.as_string()
    assert returned.as_string().endswith("\n\nworld\n")
    assert server.log_lines("info: bounce: report of failure of ")
    assert "0 messages" in held(server)


def test_a_sender_hears_of_success_only_when_asking(open_path: Path) -> None:
    """RFC 3461 §4.1."""
    with running(open_path, RULES) as server:
        inbox = make_home(server.root)
        with server.client() as client:
            client.sendmail(ANN, ["ben@localhost"], MAIL)
            server.wait_for("result=Ok")
            client.sendmail(ANN, ["ben@localhost"], MAIL, rcpt_options=["NOTIFY=SUCCESS"])
        server.wait_for("result=Ok", count=3)

    reports = [each for each in messages(inbox) if b"multipart/report" in each]
    assert len(messages(inbox)) == 3
    assert [each.count(b"\nAction: delivered\n") for each in reports] == [1]


def test_nobody_hears_of_mail_from_nobody(open_path: Path) -> None:
    """It is held; and so is what its sender cannot be told of. What nobody wants to hear of is gone."""
    server = Server(open_path, RULES)
    server.start()
    inbox = make_home(server.root)
    with server.client() as client:
        client.sendmail("", ["joe@lost.test"], MAIL)
        client.sendmail("eve@away.test", ["joe@lost.test"], MAIL)
        client.sendmail(ANN, ["joe@lost.test"], MAIL, rcpt_options=["NOTIFY=NEVER"])
    server.wait_for("delivery: Hold for", count=2)
    server.wait_for("its sender wants none")
    server.stop()

    assert messages(inbox) == []
    (line,) = server.log_lines("warn: bounce: report of failure of ")
    assert "to <eve@away.test> cannot be sent: mail for <eve@away.test> is refused: no rule matches" in line
    assert "2 messages; envelopes: 0 pending, 2 held" in held(server)


def test_a_report_crosses_servers(open_path: Path) -> None:
    """What the next server refuses is reported by the one before it, which tells what that has said."""
    last_rules = LAST.replace("match from local for any", 'match from local for domain "one.test"')
    home = """
action "home" maildir virtual { "@" = "mail" } userbase { mail = "UID:UID:/home/mail" }
match from any for domain "home.test" action "home"
""".replace("UID", str(UID))
    with (
        running(folder(open_path, "last"), last_rules) as last,
        running(folder(open_path, "first"), relay_to(last.port) + home) as first,
    ):
        inbox = make_home(first.root)
        with first.client() as client:
            client.sendmail("ann@home.test", ["anybody@localhost"], MAIL)
        first.wait_for("mda delivery")

    fields = fields_in(report_in(inbox))
    assert fields["Diagnostic-Code"].startswith("smtp; 550 5.1.1 Invalid recipient: <anybody@localhost>")
    assert fields["Remote-MTA"] == "dns; [127.0.0.1]"
