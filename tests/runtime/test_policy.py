"""What becomes of a recipient."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from smtpdsl.compiler.emit import emit
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.forward_file import ForwardProblem
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.srs import Srs
from smtpdsl.runtime.interfaces import Envelope, Route
from smtpdsl.runtime.policy import Accepted, Judgement, Policy, Refused
from tests.runtime.policies import OUTSIDER, Outside, judge, policy_of
from tests.worlds import ruleset_of, site_of

HERE = """table people { "team" = "ann, ben", "away" = "ann@far.example", "broken" = "ann, nosuch",
  "filed" = "/var/log/mail", "listed" = ":include:/etc/mail/list" }
action "in" maildir alias <people>
action "out" relay host "smtp+notls://127.0.0.1:2526" ttl 1h
match from any for domain "here.example" action "in"
match from local for any action "out"
"""


def addressed(text: str) -> Mailbox:
    """Read an address."""
    return Mailbox.parse(text)


def test_a_user_becomes_one_envelope() -> None:
    """With the action by its name, the user, and the sub-address that was cut off."""
    found = judge(policy_of(HERE), "Ann+lists@here.example")

    assert found == Accepted(
        (
            Envelope(
                Route.LOCAL,
                "in",
                addressed("Ann+lists@here.example"),
                addressed("Ann+lists@here.example"),
                user="ann",
                extension="lists",
                ttl=4 * 86400,
            ),
        )
    )


def test_an_alias_becomes_an_envelope_for_each_member() -> None:
    """All of them name the recipient as it was given."""
    found = judge(policy_of(HERE), "team@here.example")

    assert isinstance(found, Accepted)
    assert [(each.user, each.recipient.local_part) for each in found.envelopes] == [("ann", "team"), ("ben", "team")]


def test_an_alias_that_leads_away_is_relayed_as_mail_of_this_host() -> None:
    """The rules are asked again, and the address it leads to is the destination."""
    found = judge(policy_of(HERE), "away@here.example")

    assert isinstance(found, Accepted)
    (envelope,) = found.envelopes
    assert (envelope.route, envelope.action, envelope.ttl) == (Route.RELAY, "out", 3600)
    assert str(envelope.dest) == "ann@far.example"


@pytest.mark.parametrize(
    ("recipient", "reply", "rule", "why"),
    [
        ("joe@far.example", "550 5.1.1 Invalid recipient: <joe@far.example>", "none", "no rule matches"),
        (
            "nobody@here.example",
            "550 5.1.1 Invalid recipient: <nobody@here.example>",
            "smtpd.conf:5",
            'no user "nobody" in the accounts of this system',
        ),
        (
            "broken@here.example",
            "550 5.1.1 Invalid recipient: <broken@here.example> (member: nosuch)",
            "smtpd.conf:5",
            'no user "nosuch" in the accounts of this system',
        ),
    ],
)
def test_a_refusal_names_rule_and_reason(recipient: str, reply: str, rule: str, why: str) -> None:
    """The reply is for the client, the rest for the log."""
    found = judge(policy_of(HERE), recipient)

    assert isinstance(found, Refused)
    assert (str(found.reply), found.rule, found.why) == (reply, rule, why)


def test_a_client_of_this_host_may_send_away() -> None:
    """And one from outside may not."""
    found = judge(policy_of(HERE), "joe@far.example", Client(source="127.0.0.1"))

    assert isinstance(found, Accepted)


def test_a_list_in_a_file_is_read_when_it_is_asked() -> None:
    """What somebody changes holds from the next recipient on."""
    outside = Outside({"/etc/mail/list": ("ann",)})
    policy = policy_of(HERE, outside)
    before = judge(policy, "listed@here.example")
    outside.files["/etc/mail/list"] = ("ann", "ben")
    after = judge(policy, "listed@here.example")

    assert isinstance(before, Accepted)
    assert isinstance(after, Accepted)
    assert [len(before.envelopes), len(after.envelopes)] == [1, 2]


def test_a_forward_file_is_followed_when_it_is_asked() -> None:
    """To another user, and to a command of its owner's, which has no sub-address; what is changed holds at once."""
    outside = Outside(forwards={"ann": "ben, |/bin/in"})
    policy = policy_of(HERE, outside)
    before = judge(policy, "ann+lists@here.example")
    del outside.forwards["ann"]
    after = judge(policy, "ann+lists@here.example")

    assert isinstance(before, Accepted)
    assert isinstance(after, Accepted)
    assert [(each.user, each.extension, each.target) for each in before.envelopes] == [
        ("ben", "", ""),
        ("ann", "", "/bin/in"),
    ]
    assert [(each.user, each.extension, each.target) for each in after.envelopes] == [("ann", "lists", "")]


def test_files_and_commands_are_of_who_names_them() -> None:
    """Of a user, or of an alias and so of nobody."""
    outside = Outside({"/etc/mail/list": ("|/bin/in",)}, {"ann": "/home/ann/box, |/bin/mine, listed"})
    policy = policy_of(HERE, outside)
    mine, listed, filed = (judge(policy, f"{name}@here.example") for name in ("ann", "listed", "filed"))

    for found, expected in (
        (mine, [("ann", "/home/ann/box", ""), ("ann", "", "/bin/mine"), ("", "", "/bin/in")]),
        (listed, [("", "", "/bin/in")]),
        (filed, [("", "/var/log/mail", "")]),
    ):
        assert isinstance(found, Accepted)
        assert [(each.user, each.file, each.target) for each in found.envelopes] == expected


@pytest.mark.parametrize(
    ("forward", "reply", "why"),
    [
        (
            ForwardProblem(why="/home/ann/.forward is a symbolic link"),
            "451 4.3.0 Temporary failure: <ann@here.example>",
            "/home/ann/.forward is a symbolic link",
        ),
        (
            ForwardProblem(why="the home directory of ann is sticky", is_passing=True),
            "424 4.2.4 Mailing list expansion problem: <ann@here.example>",
            "the home directory of ann is sticky",
        ),
        (
            "no one",
            "451 4.3.0 Temporary failure: <ann@here.example>",
            '/home/ann/.forward is unusable: line 1: expected a user name, found "no one" with " " in it',
        ),
    ],
)
def test_mail_of_a_user_whose_forward_file_cannot_be_used_waits(
    forward: str | ForwardProblem, reply: str, why: str
) -> None:
    """To deliver it here could show it to somebody whom its owner did not choose; the log says what to mend."""
    outside = Outside({"/etc/mail/list": ("|/bin/in",)}, {"ann": forward})

    found = judge(policy_of(HERE, outside), "ann@here.example")

    assert isinstance(found, Refused)
    assert (str(found.reply), found.why) == (reply, why)


def test_forward_only_is_served() -> None:
    """Whoever has no file has no mail here."""
    text = 'action "in" forward-only\nmatch from any for domain "here.example" action "in"\n'
    policy = policy_of(
        text + 'action "out" relay\nmatch for any action "out"\n', Outside(forwards={"ann": "a@far.example"})
    )
    found = judge(policy, "ann@here.example")
    refused = judge(policy, "ben@here.example")

    assert isinstance(found, Accepted)
    assert [(each.route, str(each.dest)) for each in found.envelopes] == [(Route.RELAY, "a@far.example")]
    assert isinstance(refused, Refused)
    assert str(refused.reply).startswith("424 4.2.4 ")


def test_a_forward_file_of_somebody_else_is_nobodys_business() -> None:
    """An action that delivers as one user looks at the files of no other."""
    text = 'action "in" maildir user ben\nmatch from any for any action "in"\n'
    found = judge(policy_of(text, Outside(forwards={"ann": "root"})), "ann@here.example")

    assert isinstance(found, Accepted)
    assert [each.user for each in found.envelopes] == ["ann"]


def test_a_report_to_a_rewritten_sender_goes_back() -> None:
    """As mail of this host, wherever that is; anything else is nobody's, and the log is told."""
    now = 1_790_000_000.0
    ruleset = ruleset_of(f"srs key new\nsrs key backup old\nsrs ttl 2d\n{HERE}")
    warnings: list[str] = []
    program = emit(ruleset, Source("smtpd.conf", ""))
    policy = Policy(program, site_of(ruleset), Outside(), clock=lambda: now, warn=warnings.append)

    def report_to(key: str, age: int) -> Judgement | Awaitable[Judgement]:
        srs = Srs(key=key, days=2)
        address = srs.encode(addressed("joe@far.example"), "here.example", now - age * 24 * 3600)
        return policy.judge(OUTSIDER, ReversePath(), address)

    for key, age in (("new", 0), ("old", 2)):
        found = report_to(key, age)
        assert isinstance(found, Accepted)
        assert [(each.action, str(each.dest)) for each in found.envelopes] == [("out", "joe@far.example")]
    assert warnings == []
    for key, age in (("new", 3), ("another", 0)):
        refused = report_to(key, age)
        assert isinstance(refused, Refused)
        assert (refused.reply.code, refused.rule) == (550, "smtpd.conf:8")
    assert [each.rpartition(": ")[2] for each in warnings] == [
        "it is 3 days old, and is believed for 2",
        "its hash was not made with a key of this server",
    ]
