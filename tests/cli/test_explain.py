"""`smtpdsl explain`: as an administrator reads it, and as a program does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smtpdsl.cli.main import main

CONF = """\
table lan { 10.0.0.0/8 }
table users { ann = "1000:1000:/home/ann", vmail = "2000:2000:/srv" }
table aliases { list = "ann, ben@away.example", broken = "ann, nobody", gone = "error:550 Moved away" }
action "in" maildir alias <aliases> userbase <users>
action "out" relay helo mail.example.org
match from src <lan> for any action "out"
match tag "inside" from any for any action "out"
match from any for domain here.example action "in"
match from auth for any action "out"
match from local for any action "out"
match from any for domain spam.example reject
"""
SENDER = "eve@away.example"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("smtpd.conf").write_text(CONF)


def explain(*arguments: str) -> Result:
    """Run `smtpdsl explain` on the configuration of this test."""
    return CliRunner().invoke(main, ["explain", "-f", "smtpd.conf", *arguments], catch_exceptions=False)


def answer(*arguments: str) -> dict[str, Any]:
    """Return what `explain --json` prints."""
    found = explain("--json", *arguments)
    assert found.exit_code == 0, found.stderr
    answered = json.loads(found.stdout)
    assert isinstance(answered, dict)
    return answered


def test_a_member_of_an_expansion_from_beginning_to_end() -> None:
    """The whole text: client, rules, verdict, expansion and deliveries."""
    expected = """\
client     203.0.113.9, not authenticated (assumed without --from: an outsider that no table names)
sender     <eve@away.example>
recipient  <list@here.example>

rules
  smtpd.conf:6  match from src <lan> for any action "out"
     no  `from src <lan>`: "203.0.113.9" is not in <lan>
  smtpd.conf:7  match tag "inside" from any for any action "out"
     no  `tag "inside"`: the listener has no tag
  smtpd.conf:8  match from any for domain here.example action "in"
    yes  `from any`: every client
    yes  `for domain here.example`: "here.example" is in this list
rules for <ben@away.example>, as mail of this host
  smtpd.conf:6  match from src <lan> for any action "out"
     no  `from src <lan>`: "local" is not in <lan> (what an expansion names is compared as local)
  smtpd.conf:7  match tag "inside" from any for any action "out"
     no  `tag "inside"`: the listener has no tag
  smtpd.conf:8  match from any for domain here.example action "in"
     no  `for domain here.example`: "away.example" is not in this list
  smtpd.conf:9  match from auth for any action "out"
     no  `from auth`: not authenticated
  smtpd.conf:10  match from local for any action "out"
    yes  `from local`: what an expansion names comes from this host
    yes  `for any`: every domain

verdict  accepted by smtpd.conf:8, action "in"
reply    250 2.1.5 Destination address valid: Recipient ok

expansion
  list@here.example   action "in" (smtpd.conf:8)
    list              <aliases> has list: ann, ben@away.example (smtpd.conf:3)
      ann             user "ann" of <users>
      ben@away.example  action "out" (smtpd.conf:10)

deliveries
  maildir  /home/ann/Maildir
           as  ann
  relay    MX of away.example
           TLS   by DANE or MTA-STS if the domain has it, else if the other side offers it, certificate not verified
           HELO  mail.example.org
           for   <ben@away.example>
           by    smtpd.conf:10, action "out"
"""
    found = explain(SENDER, "list@here.example")

    assert [line.split() for line in found.stdout.splitlines()] == [line.split() for line in expected.splitlines()]
    assert (found.stderr, found.exit_code) == ("", 0)


def test_columns_are_aligned() -> None:
    """What belongs together begins in one column."""
    lines = explain(SENDER, "list@here.example").stdout.splitlines()
    tree = lines[lines.index("expansion") + 1 : lines.index("deliveries") - 1]

    notes = ['action "in"', "<aliases> has", 'user "ann"', 'action "out"']
    assert len({line.index(note) for line, note in zip(tree, notes, strict=True)}) == 1


def test_an_implied_condition_is_told_as_one() -> None:
    """The most frequent surprise of the language."""
    Path("smtpd.conf").write_text('action "in" mbox\nmatch for any action "in"\n')

    assert "no  implied `from local`: 203.0.113.9 is not this host\n" in explain(SENDER, "ann@here.example").stdout


@pytest.mark.parametrize(
    ("recipient", "lines"),
    [
        (
            "broken@here.example",
            [
                'verdict refused in the expansion for smtpd.conf:8, action "in"',
                'because no user "nobody" in <users> (smtpd.conf:3)',
                "reply 550 5.1.1 Invalid recipient: <broken@here.example> (member: nobody)",
            ],
        ),
        (
            "gone@here.example",
            ['because the entry "gone" says so (smtpd.conf:3)', "reply 550 Moved away: <gone@here.example>"],
        ),
        (
            "ann@spam.example",
            ["verdict refused by smtpd.conf:11", "reply 550 5.1.1 Invalid recipient: <ann@spam.example>"],
        ),
        (
            "ann@other.example",
            ["verdict refused: no rule matches", "reply 550 5.1.1 Invalid recipient: <ann@other.example>"],
        ),
    ],
)
def test_why_a_recipient_is_refused(recipient: str, lines: list[str]) -> None:
    """The verdict, its reason with a place, and what the client reads."""
    found = explain(SENDER, recipient)

    assert found.exit_code == 0
    assert set(lines) <= {" ".join(line.split()) for line in found.stdout.splitlines()}


def test_who_has_no_domain_is_of_this_host() -> None:
    """The sender too, as in a session."""
    mailname = Path("root/etc/mailname")
    mailname.parent.mkdir(parents=True)
    mailname.write_text("mx.here.example\n")
    lines = explain("--root", "root", "joe", "ann").stdout.splitlines()

    assert lines[1:3] == ["sender     <joe@mx.here.example>", "recipient  <ann@mx.here.example>"]


@pytest.mark.parametrize(
    ("options", "first"),
    [
        ([], "203.0.113.9, not authenticated (assumed without --from: an outsider that no table names)"),
        (["--from", "198.51.100.7"], "198.51.100.7, not authenticated"),
        (["--from", "local"], "127.0.0.1, not authenticated"),
        (["--from", "socket"], "the local socket, counts as authenticated"),
        (["--from", "2001:DB8::0:1"], "[2001:db8::1], not authenticated"),
        (["--from", "[IPv6:2001:db8::1]"], "[2001:db8::1], not authenticated"),
        (["--from", "fe80::1%eth0"], "[fe80::1%eth0], not authenticated"),
        (["--from", "198.51.100.7", "--auth", "joe"], '198.51.100.7, logged in as "joe", over TLS'),
        (["--from", "198.51.100.7", "--tls"], "198.51.100.7, not authenticated, over TLS"),
        (
            ["--from", "198.51.100.7", "--rdns", "mx.example", "--helo", "x.example", "--tag", "t"],
            '198.51.100.7, named mx.example, not authenticated, HELO x.example, listener tag "t"',
        ),
        (
            ["--auth", "joe"],
            '203.0.113.9, logged in as "joe", over TLS (assumed without --from: an outsider that no table names)',
        ),
    ],
)
def test_the_first_line_is_the_client(options: list[str], first: str) -> None:
    """Who it is, and that nobody chose its address if nobody did."""
    found = explain(*options, SENDER, "ann@here.example")

    assert found.stdout.splitlines()[0].split(maxsplit=1) == ["client", first]


def test_the_assumed_client_is_in_no_table() -> None:
    """And if every address is, the first line does not pretend."""
    text = CONF.replace("10.0.0.0/8", "203.0.113.0/24")
    Path("smtpd.conf").write_text(text)
    assert explain(SENDER, "ann@here.example").stdout.startswith("client     198.51.100.9, ")

    Path("smtpd.conf").write_text(CONF.replace("10.0.0.0/8", "0.0.0.0/0, ::/0"))
    assert "though a table names this address" in explain(SENDER, "ann@here.example").stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ([], None),
        (["--auth", "joe"], 9),
        (["--from", "local"], 10),
        (["--from", "socket"], 9),
        (["--from", "10.1.2.3"], 6),
        (["--tag", "INSIDE"], 7),
    ],
)
def test_the_options_say_who_the_client_is(options: list[str], rule: int | None) -> None:
    """Each reaches the rule that was written for it."""
    found = answer(*options, SENDER, "joe@away.example")

    assert (found["rule"] and found["rule"]["line"]) == rule
    assert found["verdict"] == ("accept" if rule else "reject")


def test_a_session_of_the_local_socket_is_complete() -> None:
    """It has the tag of its listener, the name of the server, and says the EHLO of sendmail(8)."""
    Path("root/etc").mkdir(parents=True)
    Path("root/etc/mailname").write_text("mail.example.org\n")
    rules = [
        'listen on socket tag "programs"\naction "a" relay\nmatch tag "programs" for any action "a"\n',
        'action "a" relay\nmatch from rdns "mail.example.org" for any action "a"\n',
        'action "a" relay\nmatch from any helo "localhost" for any action "a"\n',
        'accept tagged "local" for any relay\n',
    ]
    for text in rules:
        Path("smtpd.conf").write_text(text)

        assert answer("--root", "root", "--from", "socket", SENDER, "joe@away.example")["verdict"] == "accept"
        assert answer("--root", "root", "--from", "local", SENDER, "joe@away.example")["verdict"] == "reject"


@pytest.mark.parametrize("null", ["<>", ""])
def test_the_null_sender(null: str) -> None:
    """With brackets or without."""
    assert "sender     <>\n" in explain(null, "ann@here.example").stdout


def test_a_recipient_without_domain_is_of_this_server() -> None:
    """As in a session."""
    Path("root/etc").mkdir(parents=True)
    Path("root/etc/mailname").write_text("mail.example.org\n")

    assert "recipient  <ann@mail.example.org>\n" in explain("--root", "root", SENDER, "ann").stdout


def test_json_has_exactly_the_fields_of_the_contract() -> None:
    """Scripts depend on each of them."""
    found = answer(SENDER, "list@here.example")

    assert list(found) == ["version", "verdict", "reply", "rule", "action", "trail", "deliveries"]
    assert (found["version"], found["verdict"], found["action"]) == (1, "accept", "in")
    assert found["rule"] == {
        "file": "smtpd.conf",
        "line": 8,
        "text": 'match from any for domain here.example action "in"',
    }
    assert {tuple(line) for line in found["trail"]} == {("rule", "condition", "value", "answer", "why")}
    assert found["trail"][0] == {
        "rule": {"file": "smtpd.conf", "line": 6, "text": 'match from src <lan> for any action "out"'},
        "condition": "from src <lan>",
        "value": "203.0.113.9",
        "answer": "no",
        "why": '"203.0.113.9" is not in <lan>',
    }
    mailbox, relay = found["deliveries"]
    assert list(mailbox) == ["kind", "action", "rule", "dest", "user", "path"]
    assert list(relay) == ["kind", "action", "rule", "dest", "user", "next_hop"]
    assert (mailbox["kind"], mailbox["dest"], mailbox["user"], mailbox["path"]) == (
        "maildir",
        "list@here.example",
        "ann",
        "/home/ann/Maildir",
    )
    assert (relay["kind"], relay["action"], relay["user"], relay["next_hop"]) == (
        "relay",
        "out",
        None,
        "MX of away.example",
    )


def test_json_of_a_refusal() -> None:
    """Nothing is delivered, and no rule may be to blame."""
    found = answer(SENDER, "ann@other.example")

    assert (found["verdict"], found["rule"], found["action"], found["deliveries"]) == ("reject", None, None, [])
    assert {line["answer"] for line in found["trail"]} == {"yes", "no"}


def test_json_of_a_reject_rule() -> None:
    """The rule is there, and has no action."""
    found = answer(SENDER, "ann@spam.example")

    assert (found["verdict"], found["rule"]["line"], found["action"]) == ("reject", 11, None)


def test_an_action_of_the_earlier_language_has_a_name() -> None:
    """Made of its number, because none is written; and the rule is shown as it is written."""
    Path("smtpd.conf").write_text("accept from any for any \\\n  relay\n")

    found = answer(SENDER, "ann@here.example")

    assert (found["action"], found["rule"]["text"]) == ("rule1", "accept from any for any relay")


SRS = 'srs key secret\naction "in" maildir alias { "@" = "ann" }\nmatch from any for any action "in"\n'
SRS_ADDRESS = "SRS0=abcd=AA=away.example=eve@here.example"
SRS_NOTE = f"note: <{SRS_ADDRESS}> is no SRS address of this server: its hash was not made with a key of this server"


def test_what_the_form_has_no_place_for_is_on_standard_error() -> None:
    """A delivery that fails, and what is not known."""
    Path("smtpd.conf").write_text(SRS)
    noted = explain("--json", "<>", SRS_ADDRESS)
    Path("smtpd.conf").write_text('action "in" maildir user no-such-user\nmatch from any for any action "in"\n')
    failing = explain("--json", SENDER, "root@here.example")

    assert noted.stderr == f"{SRS_NOTE}\n"
    assert failing.stderr == (
        'note: the maildir for <root@here.example> fails: there is no account "no-such-user" to deliver as\n'
    )
    assert json.loads(failing.stdout)["deliveries"][0]["user"] == "no-such-user"


def test_notes_end_the_text() -> None:
    """The last thing to read is what this explanation does not know."""
    Path("smtpd.conf").write_text(SRS)

    lines = explain("<>", SRS_ADDRESS).stdout.splitlines()

    assert lines[-1] == SRS_NOTE


def test_a_forward_file_is_followed_step_by_step() -> None:
    """Whose it is, where it is, what it says, and what comes of that; also as JSON."""
    Path("root/home/ann").mkdir(parents=True)
    Path("root/home/ann/.forward").write_text('ann, # a copy\n"|/bin/in %{sender}", ben@away.example\n')

    text = explain("--root", "root", SENDER, "ann+x@here.example").stdout
    found = answer("--root", "root", SENDER, "ann+x@here.example")

    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[lines.index("expansion") + 1 : -1] == [
        'ann+x@here.example action "in" (smtpd.conf:8)',
        'ann+x user "ann" of <users>',
        '.forward of ann (/home/ann/.forward): ann, "|/bin/in %{sender}", ben@away.example',
        'ann user "ann" of <users>',
        "|/bin/in %{sender} gets the message",
        'ben@away.example action "out" (smtpd.conf:10)',
        "",
        "deliveries",
        "maildir /home/ann/Maildir",
        "as ann",
        f"command /bin/in {SENDER}",
        "as ann",
        "relay MX of away.example",
        "TLS by DANE or MTA-STS if the domain has it, else if the other side offers it, certificate not verified",
        "HELO mail.example.org",
        "for <ben@away.example>",
    ]
    assert [(each["kind"], each["user"]) for each in found["deliveries"]] == [
        ("maildir", "ann"),
        ("command", "ann"),
        ("relay", None),
    ]


def test_a_forward_file_that_cannot_be_used_is_why_mail_waits() -> None:
    """The path is the configuration's, and nothing of what is behind a link is shown."""
    Path("root/home/ann").mkdir(parents=True)
    Path("root/home/ann/.forward").symlink_to("/etc/passwd")

    text = explain("--root", "root", SENDER, "list@here.example").stdout

    assert "because  /home/ann/.forward is a symbolic link (smtpd.conf:3)\n" in text
    assert "reply    451 4.3.0 Temporary failure: <list@here.example> (member: ann)\n" in text
    assert "root:" not in text


def test_octets_that_are_no_text_are_spelt_out() -> None:
    """In the rule, and in what the client is said to say."""
    Path("smtpd.conf").write_bytes(b'action "a\xff" mbox\nmatch from any helo "\xfe" for any action "a\xff"\n')

    found = explain("--json", SENDER, "ann@here.example")

    assert found.stdout.isascii()
    assert json.loads(found.stdout)["trail"][1]["condition"] == "for any"
    assert json.loads(found.stdout)["trail"][2]["condition"] == 'helo "\\xfe"'


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "expected SENDER, found nothing"),
        ([SENDER], "expected RCPT, found nothing"),
        ([SENDER, "a@b.example", "c"], 'nothing follows RCPT, found "c"'),
        (["a b@c.example", "a@b.example"], 'SENDER "a b@c.example", character 2: '),
        (["joe@", "a@b.example"], 'SENDER "joe@", character 5: expected a domain after `@`'),
        ([SENDER, ""], 'RCPT "", character 1: expected a recipient, found none'),
        ([SENDER, "a@"], 'RCPT "a@", character 3: '),
        (["--from", "nonsense", SENDER, "a@b.example"], '--from takes an IP address, "local" or "socket"'),
        (["--from", "10.0.0.0/8", SENDER, "a@b.example"], '--from takes an IP address, "local" or "socket"'),
        (["--from", "", SENDER, "a@b.example"], '--from takes an IP address, "local" or "socket"'),
        (["--auth", "", SENDER, "a@b.example"], "--auth takes the name that the client logs in with"),
        (["--frm", "local", SENDER, "a@b.example"], "no option --frm; did you mean --from?"),
    ],
)
def test_wrong_use_is_one_sentence(arguments: list[str], sentence: str) -> None:
    """Before anything is read, with the place in the address."""
    Path("smtpd.conf").write_text("this is no configuration\n")

    found = explain(*arguments)

    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr.startswith(f"Error: {sentence}")
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("path", ["gone", "."])
def test_a_file_that_is_none(path: str) -> None:
    """As with `check`."""
    found = CliRunner().invoke(main, ["explain", "-f", path, SENDER, "a@b.example"])

    assert (found.exit_code, found.stdout) == (2, "")
    assert found.stderr.startswith(f'Error: cannot read "{path}": ')


def test_a_configuration_with_errors_has_no_meaning() -> None:
    """They are printed, and nothing is explained; warnings are not in the way."""
    Path("smtpd.conf").write_text(CONF + 'match for any action "nowhere"\ntable leftover { a }\n')

    found = explain("--json", SENDER, "ann@here.example")

    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr.startswith('error[unknown-action]: no action named "nowhere"')
    assert "leftover" not in found.stderr


def test_listeners_of_another_machine_do_not_matter() -> None:
    """An interface that does not exist here is told, and the rules answer all the same."""
    Path("smtpd.conf").write_text(f"listen on vio9\n{CONF}")

    found = explain(SENDER, "ann@here.example")

    assert found.exit_code == 0
    assert "unknown-interface" in found.stderr
    assert "maildir  /home/ann/Maildir" in found.stdout


def test_a_tag_that_no_listener_has_is_told() -> None:
    """It may be misspelt; the answer is there all the same, and a tag in other letters is the same one."""
    Path("smtpd.conf").write_text(f'listen on 127.0.0.1 port 2525 tag "inside"\n{CONF}')

    assert explain("--tag", "insde", SENDER, "ann@here.example").stderr == 'note: no listener has the tag "insde"\n'
    assert explain("--tag", "Inside", SENDER, "ann@here.example").stderr == ""


def test_accounts_under_the_root(tmp_path: Path) -> None:
    """The password database of a test bed is asked instead of the one of this machine."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("kim:x:1234:1234:Kim:/home/kim:/bin/sh\n")
    Path("smtpd.conf").write_text('action "in" maildir\nmatch from any for domain here.example action "in"\n')

    delivered = answer("--root", str(tmp_path), SENDER, "kim@here.example")
    unknown = answer("--root", str(tmp_path), SENDER, "root@here.example")

    assert [each["path"] for each in delivered["deliveries"]] == ["/home/kim/Maildir"]
    assert (unknown["verdict"], unknown["reply"][:9]) == ("reject", "550 5.1.1")


def test_entry_of_a_file_is_named_with_its_line(tmp_path: Path) -> None:
    """A condition that a table's file decides says where the entry stands."""
    (tmp_path / "domains").write_text("one.example\nhere.example\n")
    Path("smtpd.conf").write_text(
        f'table d "{tmp_path}/domains"\naction "in" maildir\nmatch from any for domain <d> action "in"\n'
    )

    assert f"({tmp_path}/domains:2)" in explain(SENDER, "ann@here.example").stdout
