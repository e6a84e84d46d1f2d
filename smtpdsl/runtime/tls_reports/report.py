"""From the results of a day to the reports of RFC 8460 §4.4.

    {"organization-name": "mx.example.org", "date-range": …, "contact-info": …, "report-id": …,
     "policies": [{"policy": {"policy-type": "sts", …}, "summary": …, "failure-details": […]}]}

A report is for one domain, and has a part for each policy that it has had on that day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from smtpdsl.mail.tls_report import PolicyType
from smtpdsl.runtime.tls_reports.results import AppliedPolicy, Failure, SessionResult

# Of one report: it has to fit into a frame of the control socket, whatever strangers have for policies and answers.
_MAX_POLICIES = 8
_MAX_DETAILS = 400
_MAX_REASON = 300


def make_reports(counts: Mapping[SessionResult, int], day: str, organization: str) -> dict[str, dict[str, Any]]:
    """Return a report for each domain of *counts*, sorted by name.

    Args:
        counts: How often there was what.
        day: ``YYYY-MM-DD``.
        organization: Who reports, the name of a host.
    """
    domains: dict[str, dict[AppliedPolicy, Counter[Failure | None]]] = {}
    for (policy, failure), count in counts.items():
        domains.setdefault(policy.domain, {}).setdefault(policy, Counter())[failure] += count
    return {
        domain: {
            "organization-name": organization,
            "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
            "contact-info": f"postmaster@{organization}",
            "report-id": f"{day}.{domain}@{organization}",
            "policies": _policies(policies),
        }
        for domain, policies in sorted(domains.items())
    }


def _policies(counts: Mapping[AppliedPolicy, Counter[Failure | None]]) -> list[dict[str, Any]]:
    """Describe the policies that most sessions were measured by."""
    most_used = sorted(counts.items(), key=lambda item: -item[1].total())[:_MAX_POLICIES]
    return [_policy(policy, failures, _MAX_DETAILS // len(most_used)) for policy, failures in most_used]


def _policy(policy: AppliedPolicy, counts: Mapping[Failure | None, int], most: int) -> dict[str, Any]:
    described: dict[str, Any] = {"policy-type": policy.kind.value, "policy-domain": policy.domain}
    if policy.lines:
        described["policy-string"] = list(policy.lines)
    if policy.hosts and policy.kind is not PolicyType.NONE:
        described["mx-host"] = list(policy.hosts)
    failures = {failure: count for failure, count in counts.items() if failure is not None}
    found: dict[str, Any] = {
        "policy": described,
        "summary": {
            "total-successful-session-count": counts.get(None, 0),
            "total-failure-session-count": sum(failures.values()),
        },
    }
    if failures:
        found["failure-details"] = [_details(*each) for each in Counter(failures).most_common(most)]
    return found


def _details(failure: Failure, count: int) -> dict[str, Any]:
    texts = {
        "sending-mta-ip": failure.source,
        "receiving-mx-hostname": failure.host,
        "receiving-ip": failure.address,
        "failure-reason-code": failure.reason[:_MAX_REASON],
    }
    known = {name: text for name, text in texts.items() if text}
    return {"result-type": failure.result.value, **known, "failed-session-count": count}
