"""Who wants reports on TLS."""

from __future__ import annotations

import pytest

from smtpdsl.mail.tls_report import read_report_record


@pytest.mark.parametrize(
    ("texts", "uris"),
    [
        (["v=TLSRPTv1; rua=mailto:reports@example.com"], ("mailto:reports@example.com",)),
        (["v=TLSRPTv1;rua=https://reporting.example.com/v1/tlsrpt;"], ("https://reporting.example.com/v1/tlsrpt",)),
        (
            ["v=TLSRPTv1; new=1; rua=mailto:a@example.com , https://b.example/"],
            ("mailto:a@example.com", "https://b.example/"),
        ),
        (["v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@b.example"], ("mailto:a@b.example",)),
        (["v=TLSRPTv1; rua=ftp://b.example,mailto:,mailto:a b@c,mailto:a@b.example"], ("mailto:a@b.example",)),
        (["v=TLSRPTv1; rua=mailto:a@b.example", "v=TLSRPTv1; rua=mailto:c@d.example"], ()),
        (["v=TLSRPTv1;"], ()),
        (["v=TLSRPTv10; rua=mailto:a@b.example"], ()),
        (["rua=mailto:a@b.example"], ()),
        ([], ()),
    ],
)
def test_where_reports_go(texts: list[str], uris: tuple[str, ...]) -> None:
    """There is one record, and what it has is read with care: strangers have written it."""
    assert read_report_record(texts) == uris
