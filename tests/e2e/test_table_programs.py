"""A server whose tables are programs: what clients hear, and what they hear and the log says when a program fails."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from click.testing import CliRunner

from smtpdsl.cli.main import main
from tests.interpreters import anybodys_python
from tests.runtime.tables.asked import PEER
from tests.servers import Server, running
from tests.tls_peers import TlsFolder

CONFIGURATION = """
table users "proc-exec:USERS"
table aliases "proc-exec:ALIASES"
table domains "proc-exec:DOMAINS"
table blocked "proc-exec:BLOCKED"
filter "door" phase mail-from match mail-from <blocked> reject "550 5.7.1 Not you"
listen on 127.0.0.1 port PORT filter "door"
action "in" maildir userbase <users> alias <aliases>
match from any for domain <domains> action "in"
"""
SUBMISSION = """
pki mail cert "/etc/mail.crt" key "/etc/mail.key"
table logins "proc-exec:LOGINS"
table owners "proc-exec:OWNERS"
listen on 127.0.0.1 port PORT tls pki mail auth <logins> senders <owners>
action "out" relay
match from auth for any action "out"
"""
TABLES = {
    "USERS": f"userinfo ann {os.getuid() or 65534}:{os.getgid() or 65534}:/home/ann\n",
    "ALIASES": "alias joe ann\nalias lost nobody\n",
    "DOMAINS": "domain here.example\n",
    "BLOCKED": "mailaddr eve@away.example\n",
}


def configuration(folder: Path) -> str:
    """Write the tables into *folder*, and return the configuration with their programs."""
    # Whoever runs them may be nobody, and sees neither the tests nor this interpreter.
    program = shutil.copy(PEER, folder / "peer.py")
    text = CONFIGURATION
    for name, entries in TABLES.items():
        path = folder / name.lower()
        path.write_text(entries)
        text = text.replace(name, f"{anybodys_python()} {program} {path}")
    return text


def codes(server: Server, sender: str, *recipients: str) -> list[int]:
    """Say MAIL and RCPT, and return the codes of the answers."""
    with server.client() as client:
        client.ehlo()
        return [client.mail(sender)[0], *(client.rcpt(each)[0] for each in recipients)]


def test_programs_are_asked_for_everything(open_path: Path) -> None:
    """Filters, rules, aliases and users, and the user once more when the message is delivered."""
    with running(open_path, configuration(open_path)) as server:
        home = server.root / "home/ann"
        home.mkdir(parents=True)
        os.chown(home, os.getuid() or 65534, os.getgid() or 65534)
        found = codes(server, "bob@away.example", "joe@here.example", "ann@far.example", "lost@here.example")
        refused = codes(server, "eve@away.example")
        with server.client() as client:
            client.sendmail("bob@away.example", ["joe@here.example"], "Subject: hello\n\nhello\n")
        server.wait_for("mda delivery")

        assert found == [250, 250, 550, 550]
        assert refused == [550]
        assert len(list((home / "Maildir/new").iterdir())) == 1


def test_a_program_that_fails_costs_one_451(open_path: Path) -> None:
    """It is named in the log, is there again for the next recipient, and nothing else is disturbed."""
    with running(open_path, configuration(open_path)) as server, server.client() as client:
        client.ehlo()
        client.mail("bob@away.example")
        for key in ("broken", "die", "nonsense"):
            assert client.rcpt(f"{key}@here.example")[0] == 451
            # On a machine that stands still meanwhile, it is not there as soon as it should be.
            assert 250 in (client.rcpt("joe@here.example")[0] for _ in range(5))
        server.wait_for("the table <aliases> cannot be asked")


def test_programs_know_logins_and_their_senders(open_path: Path) -> None:
    """One looks at passwords itself; another one has the senders of a login, and reads them anew in between."""
    server = Server(open_path, SUBMISSION)
    command = f"{anybodys_python()} {shutil.copy(PEER, open_path / 'peer.py')} {open_path}"
    text = server.file.read_text().replace("LOGINS", f"{command}/logins").replace("OWNERS", f"{command}/owners")
    server.file.write_text(text)
    (open_path / "logins").write_text("auth ann:sesame\n")
    (open_path / "owners").write_text("mailaddrmap ann ann@here.example\n")
    (server.root / "etc").mkdir()
    TlsFolder(server.root / "etc").pair("mail", "mail.example.org")
    server.start()
    with server.client() as client:
        client.starttls()
        client.ehlo()
        client.login("Ann", "sesame")
        found = [client.mail("ann@here.example")[0], client.rset()[0], client.mail("ben@here.example")[0]]
        (open_path / "owners").write_text("mailaddrmap ann ann@here.example, ben@here.example\n")
        updated = CliRunner().invoke(main, ["ctl", "--root", str(server.root), "update", "table", "owners"])
        found += [client.mail("ben@here.example")[0]]
    server.stop()

    assert found == [250, 250, 553, 250]
    assert updated.output == "done\n"


def test_more_processes_than_one_are_refused(open_path: Path) -> None:
    """For now a program is asked by the process that has started it; the line is named."""
    server = Server(open_path, configuration(open_path))
    ended = server.run("--smtp-processes", "2")

    assert ended.returncode == 2
    assert "--smtp-processes 2: a program answers for <blocked>" in ended.stderr
    assert "smtpd.conf:5" in ended.stderr


def test_a_program_that_is_not_there_is_told_at_once(open_path: Path) -> None:
    """The configuration is wrong then."""
    text = (
        f'table t "proc-exec:{open_path}/nothing"\nlisten on 127.0.0.1 port PORT\nmatch from src <t> for any reject\n'
    )
    ended = Server(open_path, text).run()

    assert ended.returncode == 1
    assert f'there is no program "{open_path}/nothing"' in ended.stderr
