"""Results of TLS: counted, kept over a restart, and made into reports."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from smtpdsl.mail.tls_report import PolicyType, ResultType
from smtpdsl.runtime.control.frames import MAX_ANSWER_OCTETS, encode
from smtpdsl.runtime.tls_reports import AppliedPolicy, Failure, SessionResult, TlsReports, result_of
from smtpdsl.runtime.tls_reports.files import DayFiles
from smtpdsl.runtime.tls_reports.report import make_reports
from tests.tls_peers import Clock, Journal

T = TypeVar("T")
DAY = 86_400.0
# 2016-04-01 in the morning, as in RFC 8460.
MORNING = 1_459_500_000.0
STS = AppliedPolicy(
    "company-y.example",
    PolicyType.STS,
    ("version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"),
    ("*.mail.company-y.example",),
)
EXPIRED = Failure(
    ResultType.CERTIFICATE_EXPIRED, "it has expired", "mx1.mail.company-y.example", "2001:db8::2", "2001:db8::1"
)


class Side:
    """Our side of it."""

    def __init__(self, folder: Path, **limits: int) -> None:
        """Keep results in *folder*."""
        self.clock = Clock()
        self.clock.time = MORNING
        self.log = Journal()
        self.folder = folder
        self.limits = limits
        self.start()

    def start(self) -> None:
        """Begin with what is on the disk."""
        files = DayFiles(self.folder / "tls-reports", **self.limits)
        self.reports = TlsReports(files, "mx.company-x.example", self.clock, self.log)

    async def restart(self) -> None:
        """Stop, and begin again."""
        await self.reports.close()
        self.start()


def play(side: Side, scene: Callable[[TlsReports], Coroutine[None, None, T]]) -> T:
    """Play *scene*, and stop."""

    async def run() -> T:
        try:
            return await scene(side.reports)
        finally:
            await side.reports.close()

    return asyncio.run(run())


def test_a_report_is_that_of_the_rfc(tmp_path: Path) -> None:
    """RFC 8460 §4.4 and appendix B: these fields and no others."""

    async def scene(reports: TlsReports) -> dict[str, dict[str, Any]]:
        for _ in range(3):
            reports.record(SessionResult(STS))
        reports.record(SessionResult(STS, EXPIRED))
        reports.record(SessionResult(STS, EXPIRED))
        reports.record(SessionResult(STS, Failure(ResultType.STS_POLICY_FETCH_ERROR)))
        return await reports.reports()

    found = play(Side(tmp_path), scene)

    assert json.loads(json.dumps(found)) == {
        "company-y.example": {
            "organization-name": "mx.company-x.example",
            "date-range": {"start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z"},
            "contact-info": "postmaster@mx.company-x.example",
            "report-id": "2016-04-01.company-y.example@mx.company-x.example",
            "policies": [
                {
                    "policy": {
                        "policy-type": "sts",
                        "policy-string": list(STS.lines),
                        "policy-domain": "company-y.example",
                        "mx-host": ["*.mail.company-y.example"],
                    },
                    "summary": {"total-successful-session-count": 3, "total-failure-session-count": 3},
                    "failure-details": [
                        {
                            "result-type": "certificate-expired",
                            "sending-mta-ip": "2001:db8::1",
                            "receiving-mx-hostname": "mx1.mail.company-y.example",
                            "receiving-ip": "2001:db8::2",
                            "failure-reason-code": "it has expired",
                            "failed-session-count": 2,
                        },
                        {"result-type": "sts-policy-fetch-error", "failed-session-count": 1},
                    ],
                }
            ],
        }
    }


def test_a_domain_may_have_had_several_policies(tmp_path: Path) -> None:
    """Each has its part; other domains have reports of their own."""

    async def scene(reports: TlsReports) -> dict[str, dict[str, Any]]:
        tlsa = AppliedPolicy("b.test", PolicyType.TLSA, ("_25._tcp.mx.b.test. IN TLSA 3 1 1 5e",), ("mx.b.test",))
        for policy in (tlsa, AppliedPolicy("b.test"), AppliedPolicy("a.test"), tlsa):
            reports.record(SessionResult(policy))
        return await reports.reports()

    found = play(Side(tmp_path), scene)
    assert list(found) == ["a.test", "b.test"]
    first, second = found.values()
    assert [each["policy"]["policy-type"] for each in first["policies"]] == ["no-policy-found"]
    assert [each["policy"]["policy-type"] for each in second["policies"]] == ["tlsa", "no-policy-found"]
    assert second["policies"][0]["policy"]["mx-host"] == ["mx.b.test"]
    assert second["policies"][0]["summary"]["total-successful-session-count"] == 2


def test_what_strangers_choose_fits_into_an_answer() -> None:
    """A domain whose policy is another one each time, and as long as it can be, keeps nobody from reading."""
    long_name = ".".join(["a" * 63] * 3 + ["a" * 50])
    counts: Counter[SessionResult] = Counter()
    for number in range(10):
        hosts = tuple(f"*.{number}-{each}.{long_name}" for each in range(100))
        policy = AppliedPolicy("b.test", PolicyType.STS, tuple(f"mx: {each}" for each in hosts), hosts)
        for again in range(60):
            words = (f"{again}" + '"' * 2000, long_name, "2001:db8:" * 4, "2001:db8:" * 4)
            counts[SessionResult(policy, Failure(ResultType.VALIDATION_FAILURE, *words))] += 1
    counts[SessionResult(policy)] += 1

    [report] = make_reports(counts, "2016-04-01", long_name).values()
    assert len(encode({"item": report})) < MAX_ANSWER_OCTETS
    assert report["policies"][0]["summary"] == {
        "total-successful-session-count": 1,
        "total-failure-session-count": 60,
    }


def test_results_are_kept_by_day(tmp_path: Path) -> None:
    """Over a restart, and for two weeks."""
    side = Side(tmp_path)

    async def scene() -> None:
        for _ in range(16):
            side.reports.record(SessionResult(STS))
            side.reports.record(SessionResult(STS))
            await side.restart()
            side.reports.record(SessionResult(STS))
            await side.restart()
            side.clock.time += DAY
        [found] = (await side.reports.reports("2016-04-16")).values()
        assert found["policies"][0]["summary"]["total-successful-session-count"] == 3
        assert await side.reports.reports("2016-04-02") == {}
        assert await side.reports.reports() == {}
        assert len(list((tmp_path / "tls-reports").iterdir())) == 14
        with pytest.raises(ValueError, match="Invalid isoformat"):
            await side.reports.reports("../../etc/passwd")
        await side.reports.close()

    asyncio.run(scene())


def test_a_line_that_was_cut_off_costs_nothing_but_itself(tmp_path: Path) -> None:
    """What a crash leaves, or somebody else's words."""
    side = Side(tmp_path)
    play(side, lambda reports: count(reports, 1))
    file = tmp_path / "tls-reports" / "2016-04-01.jsonl"
    file.write_bytes(file.read_bytes() + b'[]\n{"domain": "a.test"}\n{"domain": "b.t')
    side.start()
    play(side, lambda reports: count(reports, 1))
    side.start()

    [found] = play(side, lambda reports: reports.reports()).values()
    assert found["policies"][0]["summary"]["total-successful-session-count"] == 2
    assert file.stat().st_mode & 0o777 == 0o600


async def count(reports: TlsReports, times: int) -> None:
    """Record the same result several *times*."""
    for _ in range(times):
        reports.record(SessionResult(STS))


def test_there_is_a_limit(tmp_path: Path) -> None:
    """Strangers choose whom we write to; what is too much is told once a day."""
    side = Side(tmp_path, most_octets=500)

    async def scene() -> None:
        for number in range(9):
            side.reports.record(SessionResult(AppliedPolicy(f"{number}.test")))
            await side.reports.reports()
        assert 2 < len(await side.reports.reports()) < 9
        assert side.log.warnings == [
            "there are too many results of TLS on 2016-04-01: its reports will not have all of them"
        ]
        await side.reports.close()

    asyncio.run(scene())


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    """And stops nobody."""
    (tmp_path / "tls-reports").write_text("a file where the folder belongs")
    side = Side(tmp_path)
    play(side, lambda reports: count(reports, 1))

    assert side.log.warnings == ["the results of TLS are not kept: file exists"]


@pytest.mark.parametrize(
    ("number", "result"),
    [
        (0, ResultType.VALIDATION_FAILURE),
        (10, ResultType.CERTIFICATE_EXPIRED),
        (18, ResultType.CERTIFICATE_NOT_TRUSTED),
        (20, ResultType.CERTIFICATE_NOT_TRUSTED),
        (62, ResultType.CERTIFICATE_HOST_MISMATCH),
        (99, ResultType.VALIDATION_FAILURE),
    ],
)
def test_the_numbers_of_the_library(number: int, result: ResultType) -> None:
    """Have words in a report."""
    assert result_of(number) is result
