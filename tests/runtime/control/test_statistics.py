"""What the log tells of is counted, and told all the same."""

from __future__ import annotations

from smtpdsl.runtime.control.statistics import CountingLog
from tests.runtime.queue.sample import Journal


def test_lines_are_counted_and_passed_on() -> None:
    """Sessions by their family, deliveries by their result, the ends of envelopes."""
    journal = Journal()
    log = CountingLog(journal)
    for address in ("192.0.2.1", "[2001:db8::1]", "local", "192.0.2.2"):
        log.event("1", "smtp connected", {"address": address, "host": "x"})
    log.event("1", "smtp message", {"msgid": "5f1e02aa"})
    log.event("1", "smtp authentication", {"user": "ann", "result": "ok"})
    log.event("2", "mda delivery", {"result": "Ok"})
    log.event("2", "mta delivery", {"result": "TempFail"})
    log.event("2", "mta delivery", {"result": "PermFail"})
    log.event("2", "mta connected", {})
    log.info("relay: Expire for 5f1e02aa9c31d407: from=<a@b>")
    log.info("delivery: Remove for 5f1e02aa9c31d407: from=<a@b>")
    log.info("ready")
    log.warn("look here")

    assert log.counts == {
        "smtp.session.inet4": 2,
        "smtp.session.inet6": 1,
        "smtp.session.local": 1,
        "smtp.message": 1,
        "smtp.authentication.ok": 1,
        "mda.delivery.ok": 1,
        "mta.delivery.tempfail": 1,
        "mta.delivery.permfail": 1,
        "scheduler.delivery.ok": 1,
        "scheduler.delivery.tempfail": 1,
        "scheduler.delivery.permfail": 1,
        "scheduler.envelope.expired": 1,
        "scheduler.envelope.removed": 1,
        "log.warning": 1,
    }
    assert len(journal.events) == 10
    assert (len(journal.infos), journal.warnings) == (3, ["look here"])
