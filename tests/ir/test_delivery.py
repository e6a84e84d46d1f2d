"""What a delivery does, to the letter."""

from __future__ import annotations

import pytest

from smtpdsl.ir.delivery import Plan, PlanKind, plan
from smtpdsl.ir.members import Account
from tests.town import Town, envelope, walk
from tests.worlds import ruleset_of, site_of

AGENT = Account(name="vmail", uid=2000, gid=2000, home="/var/vmail")
EVE = "eve@away.example"


def plans(
    action: str,
    recipient: str = "Ann+Tag@here.example",
    sender: str = EVE,
    agent: Account | None = AGENT,
    also: str = "",
) -> list[Plan]:
    """Work the deliveries to *recipient* out, under one *action* for everybody."""
    ruleset = ruleset_of(f'{also}\naction "x" {action}\nmatch from any for any action "x"\n')
    town = Town(ruleset)
    found = walk(town, recipient)
    assert found.failure is None, found.failure
    return [plan(each, envelope(recipient, sender), site_of(ruleset), agent) for each in found.deliveries]


def only(action: str, recipient: str = "Ann+Tag@here.example", sender: str = EVE, also: str = "") -> Plan:
    """Work the one delivery out."""
    (found,) = plans(action, recipient, sender, also=also)
    return found


def detail(found: Plan, name: str) -> str | None:
    """Return what the detail *name* says."""
    return next((each.text for each in found.details if each.name == name), None)


@pytest.mark.parametrize(
    ("action", "kind", "what", "user"),
    [
        ("mbox", PlanKind.MBOX, "/var/mail/ann", "ann"),
        ("maildir", PlanKind.MAILDIR, "/home/ann/Maildir", "ann"),
        ('maildir "~/Mail/In"', PlanKind.MAILDIR, "/home/ann/Mail/In", "ann"),
        ("maildir user vmail", PlanKind.MAILDIR, "/var/vmail/Maildir", "vmail"),
        ('maildir "~/Maildir" user vmail', PlanKind.MAILDIR, "/home/ann/Maildir", "vmail"),
        (
            'maildir "/srv/%{dest.domain}/%{dest.user:lowercase|strip}" user vmail',
            PlanKind.MAILDIR,
            "/srv/here.example/ann",
            "vmail",
        ),
        (
            'mda "/bin/deliver -f %{sender} -- %{rcpt}"',
            PlanKind.MDA,
            f"/bin/deliver -f {EVE} -- Ann+Tag@here.example",
            "ann",
        ),
        ('mda "~/bin/deliver"', PlanKind.MDA, "~/bin/deliver", "ann"),
        ('lmtp "/run/lmtp"', PlanKind.LMTP, "/run/lmtp", "ann"),
        ('lmtp "localhost:24" rcpt-to user vmail', PlanKind.LMTP, "localhost:24", "vmail"),
    ],
)
def test_methods(action: str, kind: PlanKind, what: str, user: str) -> None:
    """Each method is a path, a command line or a next hop, and somebody does it."""
    found = only(action)

    assert (found.kind, found.what, found.user, found.problem) == (kind, what, user, "")


@pytest.mark.parametrize(
    ("action", "name", "text"),
    [
        ("maildir", "sub-address", "/home/ann/Maildir/.tag, if that folder exists"),
        ("maildir junk", "spam", "/home/ann/Maildir/.Junk"),
        ('lmtp "/run/lmtp"', "recipient", "<ann>"),
        ('lmtp "/run/lmtp" rcpt-to', "recipient", "<Ann+Tag@here.example>"),
        ('maildir wrapper "slow"', "wrapper", '"slow"'),
    ],
)
def test_details(action: str, name: str, text: str) -> None:
    """What else is to know about a delivery."""
    assert detail(only(action, also='mda wrapper "slow" "nice %{mda}"'), name) == text


def test_a_wrapper_holds_the_command() -> None:
    """The command line is the one that runs: the wrapper's, with the action's inside."""
    found = only('mda "/bin/in %{user.username}" wrapper "slow"', also='mda wrapper "slow" "nice -n 5 %{mda}"')

    assert found.what == "nice -n 5 /bin/in ann"


@pytest.mark.parametrize(
    ("action", "what", "details"),
    [
        ("maildir", "/home/ann/bin/in Ann+Tag", ()),
        ('mda "/bin/other"', "/home/ann/bin/in Ann+Tag", ()),
        ('mda "/bin/other" wrapper "slow"', "nice /home/ann/bin/in Ann+Tag", (("wrapper", '"slow"'),)),
        ("expand-only", "/home/ann/bin/in Ann+Tag", ()),
    ],
)
def test_a_command_of_a_user_takes_the_place_of_the_method(
    action: str, what: str, details: tuple[tuple[str, str], ...]
) -> None:
    """It runs as the user whose .forward names it, in the wrapper of the action; nothing is left of a sub-address."""
    ruleset = ruleset_of(
        f'mda wrapper "slow" "nice %{{mda}}"\naction "x" {action}\nmatch from any for any action "x"\n'
    )
    (delivery,) = walk(Town(ruleset, forwards={"ann": "|~/bin/in %{rcpt.user}"}), "Ann+Tag@here.example").deliveries
    found = plan(delivery, envelope("Ann+Tag@here.example", EVE), site_of(ruleset), None)

    assert (found.kind, found.what, found.user, found.problem) == (PlanKind.COMMAND, what, "ann", "")
    assert (found.details, found.sub_folder) == (details, "")


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("/var/archive/%{rcpt.domain}", "/var/archive/here.example"),
        ("|/bin/vacation %{rcpt.user}", "/bin/vacation Ann+Tag"),
    ],
)
def test_files_and_commands_of_aliases_are_the_servers(value: str, what: str) -> None:
    """What an alias table names is done by no user's account, and may hold format specifiers."""
    found = only(f'mbox alias {{ "ann" = "{value}" }}')

    assert (found.what, found.user) == (what, None)
    assert found.kind in {PlanKind.FILE, PlanKind.COMMAND}


def test_what_an_alias_names_runs_as_the_user_of_the_action() -> None:
    """With `user` it is that account's, home directory included."""
    found = only('maildir user vmail alias { "ann" = "|~/bin/in" }')

    assert (found.what, found.user) == ("/var/vmail/bin/in", "vmail")


@pytest.mark.parametrize(
    ("action", "recipient", "what"),
    [
        ('maildir "/srv/%{rcpt.user:raw}"', '"../../etc"@here.example', "/srv/..:..:etc"),
        ('maildir "/srv/%{rcpt.user}"', '"a/b"@here.example', "/srv/a:b"),
        ('mda "/bin/in %{rcpt.user:raw}"', '"; rm -rf ~"@here.example', "/bin/in ::rm:-rf::"),
    ],
)
def test_a_value_adds_no_component_and_no_word(action: str, recipient: str, what: str) -> None:
    """A recipient chooses neither a folder of ours nor a word of a command."""
    assert only(f'{action} virtual {{ "@" = "ann" }}', recipient).what == what


def test_a_sub_address_does_not_lead_out_of_the_maildir() -> None:
    """`ann+.` asks for the folder `..`, which is none of the maildir's."""
    found = only("maildir", '"ann+."@here.example')

    assert (found.what, detail(found, "sub-address")) == ("/home/ann/Maildir", None)


@pytest.mark.parametrize(
    ("action", "recipient", "problem"),
    [
        ('maildir "/srv/%{rcpt.user}"', '".."@here.example', 'a value makes ".." a part of the path'),
        ('mda "/bin/in %{rcpt.user[99]}"', "ann@here.example", "expected a range inside of "),
        ('mbox alias { "ann" = "|~/bin/in" }', "ann@here.example", "the account of the server"),
    ],
)
def test_a_delivery_that_cannot_be_worked_out_says_why(action: str, recipient: str, problem: str) -> None:
    """What makes every attempt fail is known before the first."""
    virtual = "" if " alias " in action else ' virtual { "@" = "ann" }'
    found = only(action + virtual, recipient)

    assert found.what is None
    assert problem in found.problem


def test_nothing_is_delivered_as_root() -> None:
    """An account with user number 0 receives nothing but its system mailbox."""
    base = 'table base { "ann" = "0:0:/root" }'
    root = Account(name="ann", uid=0, gid=0, home="/root")

    (found,) = plans("maildir user ann", agent=root, also=base)

    assert found.problem == 'the account "ann" has user number 0, and nothing is delivered as that'


def test_an_account_that_does_not_exist_delivers_nothing() -> None:
    """The `user` of an action is looked up when there is something to deliver."""
    (found,) = plans("maildir user vmail", agent=None)

    assert found.problem == 'there is no account "vmail" to deliver as'


POLICIES = "by DANE or MTA-STS if the domain has it, else"


@pytest.mark.parametrize(
    ("action", "name", "details"),
    [
        (
            "relay",
            "MX of here.example",
            {"TLS": f"{POLICIES} if the other side offers it, certificate not verified", "HELO": "mail.example.org"},
        ),
        ("relay tls", "MX of here.example", {"TLS": f"{POLICIES} required, certificate verified"}),
        ("relay tls no-verify", "MX of here.example", {"TLS": f"{POLICIES} required, certificate not verified"}),
        (
            "relay no-dane no-mta-sts",
            "MX of here.example",
            {"TLS": "if the other side offers it, certificate not verified"},
        ),
        (
            "relay no-dane tls",
            "MX of here.example",
            {"TLS": "by MTA-STS if the domain has it, else required, certificate verified"},
        ),
        (
            "relay require-dane require-mta-sts",
            "MX of here.example",
            {"TLS": "required, certificate verified by DANE and MTA-STS; nothing is sent without"},
        ),
        ("relay helo mx.example.org", "MX of here.example", {"HELO": "mx.example.org"}),
        (
            "relay backup mx mx1.example.org",
            "MX of here.example",
            {"backup": "only exchangers better than mx1.example.org; all if it is none of them"},
        ),
        (
            "relay host mx.example.org",
            "mx.example.org",
            {"TLS": "if the other side offers it, certificate not verified"},
        ),
        (
            'relay host "smtp+tls://mx.example.org"',
            "smtp+tls://mx.example.org",
            {"TLS": "required, certificate verified"},
        ),
        (
            'relay host "smtps://mx.example.org" tls no-verify',
            "smtps://mx.example.org",
            {"TLS": "from the start, certificate not verified"},
        ),
        ('relay host "smtp+notls://mx.example.org"', "smtp+notls://mx.example.org", {"TLS": "never"}),
        ('relay host "lmtp://mx.example.org:24"', "lmtp://mx.example.org:24", {"TLS": "never"}),
        (
            'relay host { "a.example", "smtps://b.example" }',
            "a.example, smtps://b.example",
            {
                "TLS of a.example": "if the other side offers it, certificate not verified",
                "TLS of b.example": "from the start, certificate verified",
            },
        ),
        (
            'relay host "smtps://x@mx.example.org" auth { "x" = "ann:secret" }',
            "smtps://x@mx.example.org",
            {"login": 'ann (label "x" of this mapping)'},
        ),
        (
            'relay host "smtps://x@mx.example.org" auth { "x" = "secret" }',
            "smtps://x@mx.example.org",
            {"login": 'x (label "x" of this mapping)'},
        ),
        ("relay src { 192.0.2.1, 192.0.2.2 }", "MX of here.example", {"source": "192.0.2.1, 192.0.2.2"}),
        (
            'relay src 192.0.2.1 helo-src { 192.0.2.1 = "mx.example.org" }',
            "MX of here.example",
            {"HELO": "as this mapping has it for the source address"},
        ),
        ('relay mail-from "bounces@example.org"', "MX of here.example", {"sender": "<bounces@example.org>"}),
        ('relay mail-from "@example.org"', "MX of here.example", {"sender": "<eve@example.org>"}),
        ('relay mail-from "bounces"', "MX of here.example", {"sender": "<bounces@away.example>"}),
        (
            'relay domain { "here.example" = "smtps://mx.example.org" }',
            "smtps://mx.example.org",
            {"TLS": "from the start, certificate verified"},
        ),
    ],
)
def test_relays(action: str, name: str, details: dict[str, str]) -> None:
    """The next hop, how the session is secured, and the names that are used."""
    found = only(action)

    assert (found.kind, found.what, found.problem) == (PlanKind.RELAY, name, "")
    assert details.items() <= {each.name: each.text for each in found.details}.items()


def test_passwords_are_not_told() -> None:
    """Nothing of a plan repeats what stands behind the colon of a credential."""
    found = only('relay host "smtps://x@mx.example.org" auth { "x" = "ann:hunter2" }')

    assert "hunter2" not in repr(found.details)


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        (
            'relay domain { "other.example" = "mx.example.org" }',
            "here.example is not in this mapping, so the message waits until it expires",
        ),
    ],
)
def test_a_relay_without_next_hop(action: str, problem: str) -> None:
    """A message that nothing says where to send waits."""
    found = only(action)

    assert (found.what, found.problem) == (None, problem)


def test_a_literal_needs_no_mx() -> None:
    """RFC 5321 §5.1: an address literal is the next hop itself."""
    assert only("relay", "ann@[203.0.113.25]").what == "[203.0.113.25]"


def test_the_null_sender_stays_null() -> None:
    """A report of a failed delivery has no sender, whatever `mail-from` says."""
    assert detail(only('relay mail-from "bounces@example.org"', sender="<>"), "sender") is None


def test_srs_is_for_what_is_forwarded() -> None:
    """The sender is rewritten only where the recipient changed on the way."""
    text = (
        'srs key "secret"\naction "in" mbox alias { "list" = "joe@away.example" }\naction "out" relay srs\n'
        'match from any for domain "here.example" action "in"\nmatch from any for any action "out"\n'
    )
    ruleset = ruleset_of(text)
    senders = []
    for recipient in ("list@here.example", "joe@away.example"):
        (delivery,) = walk(Town(ruleset), recipient).deliveries
        senders.append(detail(plan(delivery, envelope(recipient), site_of(ruleset), None), "sender"))

    assert senders == ["rewritten by SRS for here.example", None]


def test_one_shell_reads_a_command_of_the_earlier_language() -> None:
    """Up to 6.3 the null sender is `@` in a command, and `~/` the recipient's home."""
    ruleset = ruleset_of('accept from any for any deliver to mda "~/bin/in -f %{sender}"\n')
    (delivery,) = walk(Town(ruleset), "ann@here.example").deliveries

    found = plan(delivery, envelope("ann@here.example", "<>"), site_of(ruleset), None)

    assert found.what == "/home/ann/bin/in -f @"
