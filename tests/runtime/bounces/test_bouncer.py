"""Reports, as the queue gets them and as other programs read them."""

from __future__ import annotations

import asyncio
import email
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpdsl.ir.report_template import ReportTemplate, ReportTemplateError
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.options import MailOptions
from smtpdsl.runtime.bounces.bouncer import MAX_RETURNED_OCTETS, Bouncer
from smtpdsl.runtime.bounces.text import ReportText
from smtpdsl.runtime.interfaces import (
    Envelope,
    Event,
    NoReport,
    Notice,
    QueuedMessage,
    Route,
    SpooledContent,
    Submission,
)
from tests.runtime.bounces.reporting import (
    CONTENT,
    MOMENT,
    REFUSED,
    SERVER_NAME,
    message_of,
    notice_of,
    octets_of,
    parsed,
    status_groups,
)

ROOT = Path(__file__).parents[3]


class Way:
    """A router that relays everything."""

    def __init__(self, refusal: NoReport | None = None) -> None:
        """Refuse with *refusal*, if there is one."""
        self.refusal = refusal

    def route(self, recipient: Mailbox) -> tuple[Envelope, ...] | NoReport:
        """Return one envelope."""
        return self.refusal or (Envelope(Route.RELAY, "out", recipient, recipient),)


class SlowWay(Way):
    """A router that has to ask somebody."""

    async def route(self, recipient: Mailbox) -> tuple[Envelope, ...] | NoReport:  # type: ignore[override] # as it may
        """Return one envelope, later."""
        await asyncio.sleep(0)
        return super().route(recipient)


@pytest.fixture(autouse=True)
def _in_greenwich() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC0")
        time.tzset()
        yield
    time.tzset()


def report_on(
    *notices: Notice, message: QueuedMessage | None = None, way: Way | None = None, template: str | None = None
) -> Submission | NoReport:
    """Return a report on *notices*."""
    bouncer = Bouncer(SERVER_NAME, way or Way(), ReportText(ReportTemplate(template) if template else None))
    return asyncio.run(bouncer.report(message or message_of(), notices or (notice_of(),), 9, MOMENT))


# ---------------------------------------------------------------- the envelope


def test_a_report_is_mail_from_nobody_for_the_sender() -> None:
    """RFC 5321 §4.5.5; a report never has a report as its cause, since that is mail from nobody, too."""
    report = report_on()
    assert isinstance(report, Submission)

    assert report.message_id == 9
    assert report.reverse_path == ReversePath()
    assert report.created == MOMENT
    assert report.client.is_socket
    assert [str(each.dest) for each in report.envelopes] == ["ann@a.example"]
    with pytest.raises(AssertionError):
        report_on(message=message_of()._replace(reverse_path=ReversePath()))


@pytest.mark.parametrize("is_temporary", [True, False])
def test_without_a_way_there_is_no_report(*, is_temporary: bool) -> None:
    """For whatever reason."""
    refusal = NoReport("no rule takes it", is_temporary)

    assert report_on(way=Way(refusal)) == refusal
    assert report_on(way=SlowWay(refusal)) == refusal
    assert isinstance(report_on(way=SlowWay()), Submission)


def test_a_way_that_is_never_found_is_looked_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that hangs holds nothing up for ever."""

    class Lost(Way):
        async def route(self, recipient: Mailbox) -> NoReport:  # type: ignore[override] # as it may
            await asyncio.Event().wait()
            raise AssertionError(recipient)

    monkeypatch.setattr("smtpdsl.runtime.bounces.bouncer._ROUTE_SECONDS", 0.0)

    assert report_on(way=Lost()) == NoReport("no rule decided within 0 seconds", is_temporary=True)


def test_a_report_has_the_demands_of_its_message() -> None:
    """RFC 8689 §5: TLS on the whole way; and it is as urgent."""
    report = report_on(message=message_of(options=MailOptions(ret="FULL", requiretls=True, mt_priority=4)))
    assert isinstance(report, Submission)

    assert report.options == MailOptions(requiretls=True, mt_priority=4)


# ---------------------------------------------------------------- what it says


def test_the_header_of_a_report() -> None:
    """From the server, for the sender, and answered by no program (RFC 3834 §5)."""
    report = parsed(report_on())

    assert report["From"] == "Mailer Daemon <MAILER-DAEMON@mx.example>"
    assert report["To"] == "ann@a.example"
    assert report["Subject"] == "Delivery status notification: failed"
    assert report["Date"] == "Sun, 22 Nov 2026 12:47:37 +0000"
    assert report["Auto-Submitted"] == "auto-replied"
    assert re.fullmatch(r"<[0-9a-f]{16}@mx\.example>", report["Message-ID"])
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"


def test_programs_read_what_became_of_each_recipient() -> None:
    """Every field of RFC 3464 that something is known for."""
    joe = notice_of(dest="joe@c.example", orcpt="rfc822;joe+x@b.example")
    kim = notice_of(recipient="kim@b.example", text='no user "kim" any more', status="")

    assert status_groups(report_on(joe, kim, message=message_of(options=MailOptions(envid="QQ 3")))) == [
        {
            "Original-Envelope-Id": "QQ 3",
            "Reporting-MTA": "dns; mx.example",
            "Arrival-Date": "Sun, 22 Nov 2026 12:46:37 +0000 (UTC)",
        },
        {
            "Original-Recipient": "rfc822;joe+x@b.example",
            "Final-Recipient": "rfc822; joe@c.example",
            "Action": "failed",
            "Status": "5.1.1",
            "Remote-MTA": "dns; mx.c.example",
            "Diagnostic-Code": "smtp; 550 5.1.1 no such user",
            "Last-Attempt-Date": "Sun, 22 Nov 2026 12:47:37 +0000 (UTC)",
        },
        {
            "Final-Recipient": "rfc822; kim@b.example",
            "Action": "failed",
            "Status": "5.0.0",
            "Diagnostic-Code": 'X-smtpdsl; no user "kim" any more',
            "Last-Attempt-Date": "Sun, 22 Nov 2026 12:47:37 +0000 (UTC)",
        },
    ]


@pytest.mark.parametrize(
    ("event", "status", "shown"),
    [
        (Event.FAILED, "5.7.1", "5.7.1"),
        (Event.FAILED, "4.4.6", "5.4.6"),
        (Event.FAILED, "nonsense", "5.0.0"),
        (Event.DELAYED, "4.2.1", "4.2.1"),
        (Event.DELAYED, "5.1.1", "4.1.1"),
        (Event.DELIVERED, "", "2.0.0"),
        (Event.RELAYED, "2.1.5", "2.1.5"),
    ],
)
def test_the_class_of_a_status_is_that_of_the_event(event: Event, status: str, shown: str) -> None:
    """What failed for now until it was too late has failed for good."""
    _, group = status_groups(report_on(notice_of(event, "what happened", status)))

    assert group["Action"] == event.value
    assert group["Status"] == shown
    assert ("Diagnostic-Code" in group) is (event in {Event.FAILED, Event.DELAYED})


def test_a_delay_says_until_when_it_is_tried() -> None:
    """And people read that they need not send it again."""
    report = report_on(notice_of(Event.DELAYED, "450 4.2.1 full (said 192.0.2.7:25 to RCPT)", "4.2.1"))
    _, group = status_groups(report)

    assert group["Will-Retry-Until"] == "Mon, 23 Nov 2026 12:46:37 +0000 (UTC)"
    assert group["Remote-MTA"] == "dns; [192.0.2.7]"
    assert group["Diagnostic-Code"] == "smtp; 450 4.2.1 full"
    assert "attempts go on until\nMon, 23 Nov 2026 12:46:37 +0000 (UTC)." in text_of(report)


def text_of(report: object) -> str:
    """Return what people read."""
    return str(next(iter(parsed(report).iter_parts())).get_content())


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Event.FAILED, "could not be delivered to this recipient,\nand no other attempt"),
        (Event.DELAYED, "could not be delivered yet to this recipient.\nYou need not"),
        (Event.DELIVERED, "was delivered to\n\n    <joe@b.example>\n\n"),
        (Event.RELAYED, "will not report what becomes of it, for\n\n    <joe@b.example>\n\n"),
    ],
)
def test_people_read_what_happened(event: Event, expected: str) -> None:
    """In words, with what is known; and lines that need no turning."""
    text = text_of(report_on(notice_of(event)))

    assert expected in text
    assert text.startswith("This is the mail server mx.example.\n")
    assert ("no such user" in text) is (event in {Event.FAILED, Event.DELAYED})
    assert text.endswith("\nThe message came in on Sun, 22 Nov 2026 12:46:37 +0000 (UTC).\nIts header follows below.\n")
    assert max(map(len, text.splitlines())) <= 78


def test_people_read_where_their_mail_went() -> None:
    """Whom they wrote to, and who that is."""
    text = text_of(report_on(notice_of(dest="joe@c.example"), notice_of(recipient="kim@b.example")))

    assert "to these recipients,\n" in text
    assert f"    <joe@b.example>, forwarded to <joe@c.example>\n        {REFUSED}\n" in text
    assert "\n    <kim@b.example>\n" in text


def test_an_administrator_can_write_another_text() -> None:
    """A template has the facts; a text that is not ASCII, or has long lines, arrives as it was written."""
    template = "{{ server }}: {{ event }} für {{ recipients[0].address }} " + "x" * 2000 + "\n"

    assert text_of(report_on(template=template)) == f"mx.example: failed für joe@b.example {'x' * 2000}\n"


def test_a_template_with_a_mistake_is_found_at_once() -> None:
    """Not when the first report needs it."""
    for template in ("{{ server", "{{ nobody_knows }}", "{% if event == 'relayed' %}{{ nobody_knows }}{% endif %}"):
        with pytest.raises(ReportTemplateError):
            ReportTemplate(template)


def test_a_template_that_fails_all_the_same_keeps_no_report_back() -> None:
    """Here for a second recipient; the usual text is sent."""
    template = "{% if recipients | length > 1 %}{{ nobody_knows }}{% endif %}short"

    assert text_of(report_on(template=template)) == "short"
    assert "to these recipients,\n" in text_of(report_on(notice_of(), notice_of(), template=template))


LOADED = """
import asyncio, sys
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime import daemon
from smtpdsl.runtime.bounces.bouncer import Bouncer
from smtpdsl.runtime.interfaces import Envelope, Event, InlineContent, Notice, QueuedMessage, Route

class Way:
    def route(self, recipient):
        return (envelope,)

joe = Mailbox(local_part="joe", domain="b.example")
envelope = Envelope(Route.RELAY, "out", joe, joe)
content = InlineContent("Subject: ä".encode())
message = QueuedMessage(7, ReversePath(mailbox=joe), daemon.Server, 0.0, content)
bouncer = Bouncer("mx.example", Way())
before = set(sys.modules)
asyncio.run(bouncer.report(message, [Notice(1, Event.FAILED, envelope, "für " + "x " * 2000, "5.1.1")], 9, 0.0))
print(sorted(set(sys.modules) - before))
"""


def test_a_report_needs_nothing_more_of_the_disk() -> None:
    """Whoever has given up root may not read the modules of this program any more."""
    command = [sys.executable, "-c", LOADED]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True
    )

    assert done.stdout == b"[]\n"


# ---------------------------------------------------------------- what comes back


LARGE = CONTENT + b"x" * MAX_RETURNED_OCTETS
UTF8 = MailOptions(ret="FULL", smtputf8=True)


@pytest.mark.parametrize(
    ("event", "content", "options", "content_type", "expected"),
    [
        (Event.FAILED, CONTENT, MailOptions(), "text/rfc822-headers", CONTENT[:35]),
        (Event.FAILED, CONTENT, MailOptions(ret="HDRS"), "text/rfc822-headers", CONTENT[:35]),
        (Event.FAILED, CONTENT, MailOptions(ret="FULL"), "message/rfc822", CONTENT),
        (Event.FAILED, CONTENT[:-1], MailOptions(ret="FULL"), "message/rfc822", CONTENT),
        (Event.FAILED, CONTENT, MailOptions(ret="FULL", requiretls=True), "text/rfc822-headers", CONTENT[:35]),
        (Event.FAILED, LARGE, MailOptions(ret="FULL"), "text/rfc822-headers", CONTENT[:35]),
        (Event.DELAYED, CONTENT, MailOptions(ret="FULL"), "text/rfc822-headers", CONTENT[:35]),
        (Event.DELIVERED, CONTENT, MailOptions(ret="FULL"), "text/rfc822-headers", CONTENT[:35]),
        (Event.FAILED, b"A: \xff\n\nb\n", MailOptions(ret="FULL"), "message/rfc822", b"A: \xff\n\nb\n"),
        (Event.FAILED, "A: ä\n\nb\n".encode(), UTF8, "message/global", "A: ä\n\nb\n".encode()),
        (Event.FAILED, "A: ä\n\nb\n".encode(), UTF8._replace(ret=None), "message/global-headers", "A: ä\n".encode()),
        (Event.FAILED, "A: b\n\nä\n".encode(), UTF8, "message/rfc822", "A: b\n\nä\n".encode()),
        (Event.FAILED, b"", MailOptions(), "text/rfc822-headers", b"\n"),
        (Event.FAILED, b"A: b\n" * 20_000, MailOptions(), "text/rfc822-headers", b"A: b\n" * 10_000),
    ],
)
def test_what_comes_back(
    event: Event, content: bytes, options: MailOptions, content_type: str, expected: bytes
) -> None:
    """All of a message that has failed if its sender wants that, and it is not long; its header otherwise."""
    report = report_on(notice_of(event), message=message_of(content, options=options))
    octets = octets_of(report)

    head, _, body = octets.rpartition(b"Content-Type: ")[2].partition(b"\n\n")
    found_type, encoding = head.decode().splitlines()
    returned = body.rpartition(b"\n--")[0]
    assert found_type == content_type
    assert encoding == f"Content-Transfer-Encoding: {'7bit' if expected.isascii() else '8bit'}"
    assert returned == expected
    assert isinstance(report, Submission)
    assert report.options.body == (None if expected.isascii() else "8BITMIME")
    assert not report.options.smtputf8


def test_a_message_in_a_file_comes_back_too(tmp_path: Path) -> None:
    """Its header does; and a file that is gone costs only that, not the report."""
    path = tmp_path / "content"
    path.write_bytes(LARGE)
    message = message_of()._replace(content=SpooledContent(str(path), len(LARGE)))
    assert b"\n\nFrom: ann@a.example\nSubject: hello\n\n--" in octets_of(report_on(message=message))

    path.unlink()
    assert status_groups(report_on(message=message))[1]["Action"] == "failed"


# ---------------------------------------------------------------- characters beyond ASCII


JOERG = "jörg@bücher.example"


def test_an_address_in_utf_8_is_spelt_out_for_who_has_none() -> None:
    """RFC 6533 §3: the report is ASCII, whatever way it takes."""
    notice = notice_of(text="kein Postfach für jörg", recipient=JOERG, orcpt="utf-8;jörg@b.example")
    report = report_on(notice)
    _, group = status_groups(report)

    assert group["Original-Recipient"] == r"utf-8;j\x{F6}rg@b.example"
    assert group["Final-Recipient"] == r"utf-8; j\x{F6}rg@b\x{FC}cher.example"
    assert group["Diagnostic-Code"] == "X-smtpdsl; kein Postfach f?r j?rg"
    assert octets_of(report).isascii()
    assert "<jörg@bücher.example>" in text_of(report)


def test_who_has_an_address_in_utf_8_gets_utf_8() -> None:
    """RFC 6533 §5, and the report says that it needs SMTPUTF8."""
    report = report_on(notice_of(recipient=JOERG, text="für"), message=message_of(sender="änn@a.example"))
    octets = octets_of(report)

    assert isinstance(report, Submission)
    assert report.options == MailOptions(body="8BITMIME", smtputf8=True)
    assert "\nTo: <änn@a.example>\n".encode() in octets
    assert b"report-type=global-delivery-status" in octets
    assert b"\nContent-Type: message/global-delivery-status\nContent-Transfer-Encoding: 8bit\n\n" in octets
    assert "\nFinal-Recipient: utf-8; jörg@bücher.example\n".encode() in octets
    assert "\nDiagnostic-Code: X-smtpdsl; für\n".encode() in octets


# ---------------------------------------------------------------- whatever somebody says


def failures_by_another_program(report: object) -> tuple[set[bytes], set[bytes]]:
    """Return whom a list manager takes for late, and whom for unreachable."""
    bounces = pytest.importorskip("flufl.bounce", reason="flufl.bounce is not here")
    late, gone = bounces.all_failures(email.message_from_bytes(octets_of(report)))
    return set(late), set(gone)


@pytest.mark.parametrize(
    "notices",
    [
        [notice_of()],
        [notice_of(), notice_of(recipient="kim@b.example", text="oh")],
        [notice_of(recipient='"a b"@c.example')],
        [notice_of(text="x" * 5000)],
        [notice_of(text="Envelope expired, the last error was: " + REFUSED, status="5.4.7")],
    ],
)
@pytest.mark.parametrize("options", [MailOptions(), MailOptions(ret="FULL", envid="x")])
def test_another_program_recognizes_failures_and_delays(notices: Sequence[Notice], options: MailOptions) -> None:
    """And takes nothing else for one."""
    names = {str(each.envelope.recipient).replace('"', "").encode() for each in notices}
    for event, expected in (
        (Event.FAILED, (set(), names)),
        (Event.DELAYED, (names, set())),
        (Event.DELIVERED, (set(), set())),
        (Event.RELAYED, (set(), set())),
    ):
        told = [each._replace(event=event) for each in notices]
        late, gone = failures_by_another_program(report_on(*told, message=message_of(options=options)))
        assert ({each.replace(b'"', b"") for each in late}, {each.replace(b'"', b"") for each in gone}) == expected


@settings(deadline=None)
@given(
    texts=st.lists(st.text(max_size=60) | st.just("550 x\r\n\r\nAction: delivered (said a:25 to RCPT)"), min_size=1),
    envid=st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30),
    content=st.binary(max_size=80) | st.just(b"--x\n\n--\n--x--\n"),
)
def test_nothing_that_is_said_changes_the_form_of_a_report(texts: list[str], envid: str | None, content: bytes) -> None:
    """Three parts, a group for each recipient, and no field that is not ours."""
    notices = [notice_of(text=text) for text in texts]
    groups = status_groups(report_on(*notices, message=message_of(content, options=MailOptions(envid=envid))))

    assert len(groups) == len(texts) + 1
    assert {group["Action"] for group in groups[1:]} == {"failed"}
    known = {"Final-Recipient", "Action", "Status", "Remote-MTA", "Diagnostic-Code", "Last-Attempt-Date"}
    assert all(set(group) <= known for group in groups[1:])
