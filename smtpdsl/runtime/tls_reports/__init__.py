"""What TLS with other servers came to, for those who want to know (RFC 8460).

sessions ──results──▶ TlsReports ──▶ SPOOL/tls-reports/2026-03-01.jsonl
                          └──▶ a report for each domain, of one day
"""

from smtpdsl.runtime.tls_reports.recording import TlsReports
from smtpdsl.runtime.tls_reports.results import AppliedPolicy, Failure, SessionResult, result_of

__all__ = ["AppliedPolicy", "Failure", "SessionResult", "TlsReports", "result_of"]
