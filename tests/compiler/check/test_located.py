"""Under `--root`, findings name the file that somebody has to make or to change on this machine."""

from __future__ import annotations

import re
from pathlib import Path

from tests.certificates import make_pair
from tests.checking import check_text

TEXT = """\
include "/etc/more.conf"
table aliases file:/etc/aliases
table targets file:/etc/targets
table domains db:/etc/domains.db
table creds file:/etc/creds
bounce report-template "/etc/report.txt"
dkim-sign "a._domainkey.example.org" key "/etc/dkim.pem"
pki one cert "/etc/one.crt" key "/etc/one.key"
pki two cert "/etc/two.crt" key "/etc/other.key"
ca mine cert "/etc/ca.crt"
oauth-issuer "https://id.example" key "/etc/id.jwks" for "mail"
listen on localhost smtps pki one auth
action "in" maildir alias <targets>
action "also" maildir alias <aliases>
action "out" relay host "smtps://a@mx.example" auth <creds>
match from any for domain <domains> action "in"
match from any for local action "also"
match from auth for any action "out"
"""
# In these the path is what somebody has written, and is to be corrected there.
AS_WRITTEN = {"unused-pki", "unused-ca"}


def test_every_path_is_one_of_this_machine(tmp_path: Path) -> None:
    """In what is said, and in what is to be done; the excerpt has what is written."""
    pair = make_pair("two.example.org")
    files = {
        "/etc/targets": "ann: :include:/etc/list\nben: /var/mail-boxes/ben\n",
        "/etc/one.crt": "rubbish",
        "/etc/two.crt": pair.certificate,
        "/etc/other.key": make_pair("other.example.org").key,
        "/etc/ca.crt": "rubbish",
        "/etc/id.jwks": "rubbish",
    }

    found = check_text(TEXT, tmp_path, files)

    told = [f"{each.message} {each.help}" for each in found if each.code.name not in AS_WRITTEN]
    named = {path for text in told for path in re.findall(r'["` ](/[^"`\s]*)', text)}
    names = ["more.conf", "aliases", "domains.db", "creds", "report.txt", "dkim.pem", "one.crt", "one.key", "two.crt"]
    names += ["other.key", "ca.crt", "id.jwks", "list"]
    assert named == {*(f"{tmp_path}/etc/{name}" for name in names), f"{tmp_path}/var/mail-boxes"}


def test_what_is_to_be_typed(tmp_path: Path) -> None:
    """A command names the file too."""
    text = 'dkim-sign "a._domainkey.example.org" key "/etc/dkim.pem"\n'
    check_text(text, tmp_path, {"/etc/dkim.pem": "rubbish"})
    (tmp_path / "etc/dkim.pem").chmod(0o644)

    (found, *_) = [each for each in check_text(text, tmp_path) if each.code.name == "unsafe-file"]

    assert found.help == f"`chmod 0600 {tmp_path}/etc/dkim.pem`"
