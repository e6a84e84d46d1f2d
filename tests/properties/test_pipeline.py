"""No text makes the compiler fail, and whatever compiles can be explained."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.analysis.explain import explain
from smtpdsl.cli.explanation_json import as_json
from smtpdsl.cli.explanation_text import as_text
from smtpdsl.compiler.emit import emit, print_program
from smtpdsl.compiler.pipeline import Compilation, compile_octets
from smtpdsl.compiler.silence import silence
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.diagnostics.render import render_text
from smtpdsl.ir.forward_file import ForwardFile, ForwardProblem
from smtpdsl.ir.members import Account
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.semantics import Answer, Verdict
from smtpdsl.ir.syntax import Dialect
from smtpdsl.ir.table_file import Service
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import LOCAL, Client, Envelope
from tests.properties.strategies import damaged_texts, grammar_texts
from tests.worlds import Bench, site_of

REAL_FILES = sorted((Path(__file__).parent.parent / "real_world").glob("*.conf"))


class Strangers:
    """Everybody has an account, every table may answer anything, no file is there."""

    def __init__(self, answer: Answer) -> None:
        """Answer whatever a table elsewhere is asked."""
        self.answer = answer

    def contains(self, table: Table, service: Service, key: str) -> Answer:
        """Answer."""
        del table, service, key
        return self.answer

    def system_account(self, name: str) -> Account | None:
        """Have an account for anybody."""
        return Account(name=name, uid=1000, gid=1000, home=f"/home/{name}")

    def lines(self, path: str) -> tuple[str, ...] | None:
        """Read nothing."""
        del path
        return None

    def forward(self, account: Account) -> ForwardFile | ForwardProblem | None:
        """Send the mail of root to somebody else, and to a command of whoever has the name."""
        text = "joe, |/bin/in"
        return ForwardFile(path=f"{account.home}/.forward", text=text) if account.name == "root" else None


def compiled(text: str) -> tuple[Compilation, Report]:
    """Run every pass over *text*."""
    report = Report()
    return compile_octets("smtpd.conf", text.encode("utf-8", "surrogateescape"), Bench(), report), report


DOMAINS = st.sampled_from(["localhost", "example.org", "mail.example.org", "a.b", "[192.0.2.1]"])
LOCAL_PARTS = st.sampled_from(["joe", "root", "a+b", "..", "a/b", "@", "x y", "é"])
MAILBOXES = st.builds(Mailbox, local_part=LOCAL_PARTS, domain=DOMAINS)
CLIENTS = st.builds(
    Client,
    source=st.sampled_from(["203.0.113.9", "127.0.0.1", "[2001:db8::1]", LOCAL]),
    rdns=st.sampled_from([None, "mx.example.org"]),
    helo=st.sampled_from(["", "mx.example.org"]),
    login=st.sampled_from([None, "joe", "joe@example.org"]),
    tls=st.booleans(),
    tag=st.sampled_from(["", "a"]),
)
ENVELOPES = st.builds(
    Envelope,
    client=CLIENTS,
    reverse_path=st.builds(ReversePath, mailbox=st.none() | MAILBOXES),
    recipient=MAILBOXES,
)


def check_explanation(compilation: Compilation, envelope: Envelope, answer: Answer) -> None:
    """Explain *envelope*, in both forms."""
    assert compilation.ruleset is not None
    found = explain(compilation.ruleset, envelope, site_of(compilation.ruleset), Strangers(answer), 0.0)
    assert as_json(found).isascii()
    assert as_text(found)
    assert (found.verdict is Verdict.ACCEPT) is bool(found.plans)


@given(data=st.data(), dialect=st.sampled_from(Dialect))
def test_text_of_the_grammar_goes_through_every_pass(data: st.DataObject, dialect: Dialect) -> None:
    """What is found can be printed, silenced, and what has no errors emitted and explained."""
    text = data.draw(grammar_texts(dialect))

    compilation, report = compiled(text)

    assert render_text(silence(report.diagnostics, compilation.text), colour=False) or not report.diagnostics
    if compilation.ruleset is None or compilation.text is None or report.has_errors:
        return
    assert print_program(emit(compilation.ruleset, compilation.text.source))
    check_explanation(compilation, data.draw(ENVELOPES), data.draw(st.sampled_from(Answer)))


@given(data=st.data(), dialect=st.sampled_from(Dialect))
def test_damaged_text_goes_through_every_pass(data: st.DataObject, dialect: Dialect) -> None:
    """Nothing raises, and every finding has a place that can be shown."""
    compilation, report = compiled(data.draw(damaged_texts(dialect)))

    assert render_text(silence(report.diagnostics, compilation.text), colour=False) or not report.diagnostics


@given(
    rules=st.lists(
        st.sampled_from(
            [
                'match from any for any action "a"',
                'match !from rdns "x" for any action "b"',
                "match from any !for local reject",
                'match from any for domain regex "^[ab]" action "c"',
                'match from auth for any action "d"',
                'match from any mail-from <t> for any action "a"',
                'match from any rcpt-to { "joe", "@a.b" } action "e"',
                "match !tls from any for any reject",
            ]
        ),
        min_size=1,
        max_size=5,
    ),
    envelope=ENVELOPES,
    answer=st.sampled_from(Answer),
)
def test_whatever_compiles_can_be_explained(rules: list[str], envelope: Envelope, answer: Answer) -> None:
    """Any envelope, any answer of a table elsewhere."""
    actions = [
        'action "a" maildir "/m/%{rcpt.domain}/%{rcpt.user}" alias { joe = "root, ..@a.b", root = "/%{sender.user}" }',
        'action "b" mda "/bin/in %{sender} %{dest:raw}" virtual { "@" = "joe", "joe" = "|/bin/x %{rcpt}, a@a.b" }',
        'action "c" relay host { "smtps://x@a.example", "b.example" } auth { x = "u:p" } mail-from "@c.example"',
        'action "d" lmtp "/run/%{rcpt.domain}" rcpt-to user joe',
        'action "e" expand-only alias { joe = "error:550 gone", root = joe }',
    ]
    # Rules that use every action and table, so that nothing is left over; they never match.
    last = [f'match tag "never" from any for any mail-from <t> action "{name}"' for name in "abcde"]
    text = "\n".join(["table t getpwnam", *actions, *rules, *last]) + "\n"

    compilation, report = compiled(text)

    assert not report.has_errors, [found.message for found in report.diagnostics]
    check_explanation(compilation, envelope, answer)


def test_real_files_go_through_every_pass() -> None:
    """What administrators wrote, on a machine that has none of their files."""
    for path in REAL_FILES:
        compilation, report = compiled(path.read_text(encoding="utf-8", errors="surrogateescape"))

        assert render_text(silence(report.diagnostics, compilation.text), colour=False) or not report.diagnostics
