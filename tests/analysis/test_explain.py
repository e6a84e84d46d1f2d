"""An explanation is the reference's decision, the server's expansion, and what would be done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.analysis.explain import Explanation, explain
from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.semantics import Answer, Verdict
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client, Envelope
from smtpdsl.mail.srs import Srs
from tests.worlds import ruleset_of, site_of

NOW = 1_790_000_000.0
ACCOUNTS = {
    name: Account(name=name, uid=uid, gid=uid, home=f"/home/{name}") for uid, name in enumerate(["root", "ann"])
}


class Surroundings:
    """Two accounts, perhaps a `.forward` of ann's, no other file."""

    def __init__(self, forward: ForwardFile | ForwardProblem | None = None) -> None:
        """Hold the file."""
        self.ann = forward

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Know nothing."""
        del table, service, key
        return Answer.UNAVAILABLE

    def system_account(self, name: str) -> Account | None:
        """Look an account up."""
        return ACCOUNTS.get(name)

    def lines(self, path: str) -> tuple[str, ...] | None:
        """Have no files."""
        del path
        return None

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """Read it."""
        return self.ann if account.name == "ann" else None


def explained(
    text: str,
    recipient: str = "ann@here.example",
    sender: str = "eve@away.example",
    source: str = "203.0.113.9",
    forward: ForwardFile | ForwardProblem | None = None,
) -> Explanation:
    """Explain what happens to mail from outside."""
    ruleset = ruleset_of(text, {"/etc/t.db": ""})
    envelope = Envelope(
        client=Client(source=source),
        reverse_path=ReversePath.parse(sender),
        recipient=Mailbox.parse(recipient),
    )
    return explain(ruleset, envelope, site_of(ruleset), Surroundings(forward), NOW)


def test_an_accepted_recipient() -> None:
    """The rule, the reply, every condition asked, and the delivery."""
    found = explained(
        'action "in" mbox\nmatch from local for any action "in"\nmatch from any for domain "here.example" action "in"\n'
    )

    assert (found.verdict, found.reply) == (Verdict.ACCEPT, "250 2.1.5 Destination address valid: Recipient ok")
    assert found.rule is not None
    assert [(line.condition.words, line.answer) for line in found.trail] == [
        ("from local", Answer.NO),
        ("from any", Answer.YES),
        ('for domain "here.example"', Answer.YES),
    ]
    assert [each.what for each in found.plans] == ["/var/mail/ann"]


def test_a_negated_condition_says_what_was_found_and_what_became_of_it() -> None:
    """The witness is of the question, the answer of the condition."""
    found = explained('action "in" mbox\nmatch !from src 203.0.113.9 for any action "in"\n')

    (line,) = found.trail
    assert (line.witness.answer, line.answer) == (Answer.YES, Answer.NO)
    assert (found.verdict, found.rule) == (Verdict.REJECT, None)


def test_members_of_an_expansion_have_their_own_trail() -> None:
    """The rule is that of the recipient as given; what the expansion asks comes after."""
    found = explained(
        'action "in" mbox alias { "ann" = "joe@away.example" }\naction "out" relay\n'
        'match from any for domain "here.example" action "in"\nmatch from local for any action "out"\n'
    )

    assert [line.envelope.is_internal for line in found.trail] == [False, False, True, True, True, True]
    assert found.rule is not None
    assert found.rule.action is not None
    assert found.rule.action.name == "in"
    assert [each.what for each in found.plans] == ["MX of away.example"]


def test_a_forward_file_is_followed() -> None:
    """A command of its owner's, and an address that the rules decide about again."""
    rules = 'match from any for domain "here.example" action "in"\nmatch for any action "out"\naction "out" relay\n'
    file = ForwardFile(path="/home/ann/.forward", text="joe@away.example, |/bin/in %{sender}")

    for method in ("maildir", "forward-only", "expand-only"):
        found = explained(f'action "in" {method}\n{rules}', forward=file)
        if method == "forward-only":
            assert found.reply == "451 4.3.0 Temporary failure: <ann@here.example> (member: the .forward of ann)"
        else:
            assert [(each.kind.value, each.what, each.user) for each in found.plans] == [
                ("command", "/bin/in eve@away.example", "ann"),
                ("relay", "MX of away.example", None),
            ]
        assert found.notes == ()


def test_a_forward_file_that_only_the_server_can_read_leaves_the_answer_open() -> None:
    """Whoever asks may have fewer rights; what is wrong for everybody is the answer."""
    text = 'action "in" maildir\nmatch from any for any action "in"\n'
    why = "/home/ann cannot be read: permission denied"

    hidden = explained(text, forward=ForwardProblem(why=why, is_hidden=True))
    unusable = explained(text, forward=ForwardProblem(why=why))

    assert (hidden.verdict, hidden.notes) == (Verdict.ACCEPT, (f"{why}; so mail for ann may go elsewhere",))
    assert (unusable.verdict, unusable.notes) == (Verdict.TEMPFAIL, ())


def test_a_table_elsewhere_leaves_the_answer_open() -> None:
    """A condition, an alias or a user that only the server can look up."""
    text = 'table t db:/etc/t.db\naction "in" mbox {}\nmatch from any for any {} action "in"\n'
    note = "what <t> has is not known here, so the server may decide otherwise"

    for action, criterion in (("alias <t>", ""), ("userbase <t>", ""), ("", "mail-from <t>")):
        found = explained(text.format(action, criterion))
        assert (found.verdict, found.notes) == (Verdict.TEMPFAIL, (note,))


def test_an_srs_address_is_decoded_as_of_now() -> None:
    """The trail is that of the address in it, which the rules see as mail of this host."""
    srs = Srs(key="secret", days=4)
    text = 'srs key secret\naction "out" relay\nmatch from local for any action "out"\n'
    signed = str(srs.encode(Mailbox.parse("joe@away.example"), "here.example", NOW))
    late = str(srs.encode(Mailbox.parse("joe@away.example"), "here.example", NOW - 5 * 24 * 3600))

    found, refused = explained(text, signed, sender="<>"), explained(text, late, sender="<>")

    assert [(each.what, str(each.delivery.dest)) for each in found.plans] == [
        ("MX of away.example", "joe@away.example")
    ]
    assert [line.envelope.is_internal for line in found.trail] == [True, True]
    assert [step.note for step in found.expansion.steps] == [
        "an SRS address, which stands for <joe@away.example>",
        'action "out"',
    ]
    assert refused.reply == f"550 5.1.1 Invalid recipient: <{late}>"
    assert refused.notes == (f"<{late}> is no SRS address of this server: it is 5 days old, and is believed for 4",)


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ('"ann" = "7:8:/srv/ann"', "/srv/ann/Maildir"),
        ('"ANN" = "7:8:/srv/ann/"', "/srv/ann/Maildir"),
        ('"ann" = "1:1:/one", "Ann" = "2:2:/two"', "/two/Maildir"),
        ('"ann" = "1:1:home"', "home/Maildir"),
    ],
)
def test_users_of_a_table(base: str, expected: str) -> None:
    """Number, group and home stand in the value; of several equal keys the last one holds."""
    found = explained(f'action "in" maildir userbase {{ {base} }}\nmatch from any for any action "in"\n')

    assert [each.what for each in found.plans] == [expected]


def test_an_unusable_user_is_a_temporary_failure() -> None:
    """As a table that does not answer."""
    found = explained('action "in" maildir userbase { "ann" = "x:y:z" }\nmatch from any for any action "in"\n')

    assert (found.verdict, found.reply) == (Verdict.TEMPFAIL, "451 4.3.0 Temporary failure: <ann@here.example>")


def test_nothing_is_delivered_as_root_and_the_explanation_says_so() -> None:
    """Accepted at RCPT, refused at delivery: the original's order, and worth knowing."""
    found = explained('action "in" maildir\nmatch from any for any action "in"\n', "root@here.example")

    assert found.verdict is Verdict.ACCEPT
    assert [each.problem for each in found.plans] == [
        'the account "root" has user number 0, and nothing is delivered as that'
    ]


@given(
    recipient=st.sampled_from(["ann", "list", "bad", "root"]),
    source=st.sampled_from(["203.0.113.9", "127.0.0.1", "local", "[2001:db8::1]"]),
    domain=st.sampled_from(["here.example", "away.example", "localhost"]),
)
def test_a_verdict_has_its_reasons(recipient: str, source: str, domain: str) -> None:
    """Accepted means deliveries and a 250, refused a failure and its code; the rule is in the trail."""
    found = explained(
        'action "in" mbox alias { "list" = "ann, joe@away.example", "bad" = "nobody" }\naction "out" relay\n'
        'match from any for domain "here.example" action "in"\nmatch for local action "in"\n'
        'match from local for any action "out"\n',
        f"{recipient}@{domain}",
        source=source,
    )

    codes = {Verdict.ACCEPT: "250", Verdict.REJECT: "5", Verdict.TEMPFAIL: "4"}
    assert found.reply.startswith(codes[found.verdict])
    assert (found.verdict is Verdict.ACCEPT) is bool(found.plans)
    assert found.rule is None or any(line.rule is found.rule for line in found.trail)
