"""What the server may ask of root: what its configuration needs, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from smtpdsl.ir.members import Account
from smtpdsl.runtime.interfaces import Identity
from smtpdsl.runtime.programs.command import ProgramCommand
from smtpdsl.runtime.supervisor.charter import Charter
from smtpdsl.runtime.supervisor.chartering import charter_of
from tests.certificates import rsa_key
from tests.runtime.programs import program_of

OWN = Account(name="_smtpdsl", uid=54320, gid=54320, home="/nonexistent")
JOE = Identity("joe", 1000, 100, "/home/joe")
TABLES = """
table users { joe = "1000:100:/home/joe" }
table virtuals { joe = "1001:101:/home/vmail" }
table aliases { staff = "joe, :include:/etc/mail/staff", joe = "ann" }
action "in" maildir alias <aliases> userbase <users>
action "other" maildir userbase <virtuals>
"""


def charter(text: str, root: str = "") -> Charter:
    """Return the charter of *text*."""
    program = program_of(f"{text}listen on 127.0.0.1\nmatch from any for any reject\n", Path("/nonexistent"))
    return charter_of(program, OWN, root)


def test_users_are_those_of_the_tables_and_the_server() -> None:
    """One name may have several accounts, and each is known as a whole."""
    found = charter(TABLES)

    own = Identity("_smtpdsl", 54320, 54320, "/nonexistent")
    assert found.identities == {JOE, Identity("joe", 1001, 101, "/home/vmail"), own}
    assert not found.has_system_accounts


@pytest.mark.parametrize(
    "other",
    [
        JOE._replace(uid=0),
        JOE._replace(uid=1001),
        JOE._replace(gid=0),
        JOE._replace(name="ann"),
        JOE._replace(home="/"),
        JOE._replace(mail_folder="/etc"),
        Identity("root", 0, 0, "/root"),
        Identity("daemon", 1, 1, "/usr/sbin"),
    ],
)
def test_nobody_else_is_worked_for(other: Identity) -> None:
    """Whatever part of it is made up."""
    found = charter(TABLES)

    assert found.has(JOE)
    assert not found.has(other)


def test_accounts_of_the_system_are_looked_up(tmp_path: Path) -> None:
    """The numbers and the home of whoever asks are not believed."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("joe:x:1000:100::/home/joe:/bin/sh\n")
    found = charter('action "in" maildir\n', str(tmp_path))
    joe = JOE._replace(home=f"{tmp_path}/home/joe")

    assert found.has_system_accounts
    assert found.has(joe)
    assert not any(map(found.has, (JOE, joe._replace(uid=0), joe._replace(gid=0), joe._replace(name="ann"))))


def test_the_user_of_an_action_is_looked_up() -> None:
    """Though nobody else is."""
    action = 'table users { joe = "1000:100:/home/joe" }\naction "in" maildir userbase <users> user "daemon"\n'

    assert charter(action).has_system_accounts


def test_files_are_those_that_the_configuration_names(tmp_path: Path) -> None:
    """Lists that aliases include; below the root of a test bed."""
    found = charter(TABLES, str(tmp_path))

    assert found.files == (f"{tmp_path}/etc/mail/staff",)
    assert not found.checks_passwords


def test_keys_of_signatures_are_among_the_files(tmp_path: Path) -> None:
    """Their owner is root, and they may be replaced while the server runs."""
    text = 'dkim-sign "s._domainkey.example.org" key "/s.key"\nlisten on lo\nmatch from any for any reject\n'
    program = program_of(text, tmp_path, {"/s.key": rsa_key(2048)})

    assert charter_of(program, OWN, "/bed").files == ("/bed/s.key",)


def test_a_charter_comes_out_as_it_went_in() -> None:
    """Names that are no UTF-8 too."""
    identities = frozenset({JOE, Identity("\udcff", 1, 2, "/home/\udcff")})
    written = Charter(
        "/bed",
        identities,
        has_system_accounts=True,
        files=("/a", "/b"),
        checks_passwords=True,
        programs=(ProgramCommand("spam", "filter-spam", "spam", 111, 112),),
        environment=(("PATH", "/bin"),),
        takes_word_for_users=True,
    )

    assert Charter.decoded(written.encoded()) == written


def test_users_that_a_program_knows_are_believed_but_for_root() -> None:
    """They are not known before the program is asked, and by then nobody here can look them up."""
    users = 'table users "proc-exec:/bin/true"\naction "in" maildir userbase <users>\n'
    found = charter(users)

    assert found.has(JOE)
    assert not any(map(found.has, (JOE._replace(uid=0), JOE._replace(gid=0), JOE._replace(mail_folder="/etc"))))
    assert not charter('action "in" maildir userbase { joe = "1001:100:/home/joe" }\n').has(JOE)


@pytest.mark.parametrize("root", ["", "/bed"])
def test_mailboxes_of_the_system_are_in_one_folder(root: str) -> None:
    """Whoever is known may be worked for there, and in no other folder."""
    found = charter(TABLES, root)
    joe = JOE._replace(home=f"{root}{JOE.home}")

    assert found.has(joe._replace(mail_folder=f"{root}/var/mail"))
    assert not found.has(joe._replace(mail_folder="/bed/var/mail" if not root else "/var/mail"))
    assert not found.has(joe._replace(mail_folder=f"{root}/var/mail", uid=0))
