"""The passes together: order, half a file, comments that silence, macros of the command line, roots, static looks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.compiler.emit import emit, print_program
from smtpdsl.compiler.pipeline import Compilation, compile_octets
from smtpdsl.compiler.silence import silence
from smtpdsl.compiler.target import Target
from smtpdsl.compiler.world import FileFacts, Machine, Unavailable, World
from smtpdsl.diagnostics.diagnostic import Diagnostic, Report
from tests.certificates import make_pair
from tests.checking import check_text, codes, shown, write_files
from tests.worlds import Bench

# Everything that one statement may want of another, in an order that OpenSMTPD takes, and nothing to find.
DECLARATIONS = """\
pki mail cert "/c" key "/k"
ca authority cert "/a"
table domains { example.org, example.net }
table aliases { root = ann }
table names { 192.0.2.1 = mail.example.org }
table secrets { work = "ann:secret" }
srs key "secret"
mda wrapper nice "nice %{mda}"
proc scanner "scan --all"
filter no-name phase connect match !rdns disconnect "550 no name"
filter scan proc scanner
filter listed phase mail-from match src { 198.51.100.7 } junk
filter door chain { no-name, scan }
action in mda "cat" alias <aliases> wrapper nice
action out relay host "smtps://work@mx.example.net" auth <secrets> srs ca authority ttl 1d
listen on 127.0.0.1 tls pki mail filter door hostnames <names>
listen on 127.0.0.1 port 587 tls-require pki mail auth filter listed
queue ttl 2d
smtp limit max-rcpt 100
mta limit for domain example.org max-conn-per-host 2
""".splitlines()
RULES = """\
match from any for domain <domains> action in
match from auth for any action out
match for local action in
match for any action out
""".splitlines()
STATEMENTS = DECLARATIONS + RULES


class Blind(Machine):
    """A static look that includes files, and fails the test when it is asked for anything else."""

    def __init__(self, includes: Sequence[str]) -> None:
        """Allow these files to be read."""
        super().__init__(static=True)
        self.includes = includes

    def read(self, path: str) -> bytes | Unavailable:
        """Read an included file."""
        assert path in self.includes, f"{path} is no include"
        return super().read(path)

    def facts(self, path: str) -> FileFacts | Unavailable:
        """Know no owners and no modes."""
        raise AssertionError(path)

    def has_user(self, name: str) -> bool:
        """Know no users."""
        raise AssertionError(name)

    def has_group(self, name: str) -> bool:
        """Know no groups."""
        raise AssertionError(name)

    def program_exists(self, path: str) -> bool:
        """Know no programs."""
        raise AssertionError(path)

    def addresses(self, interface: str) -> tuple[str, ...]:
        """Know no interfaces."""
        raise AssertionError(interface)

    def resolve(self, name: str) -> tuple[str, ...]:
        """Know no hosts."""
        raise AssertionError(name)

    def service_port(self, name: str) -> int | None:
        """Know the services of mail, which no machine has to be asked for."""
        port = super().service_port(name)
        assert port is not None, name
        return port

    def is_trusted(self, owner: int) -> bool:
        """Trust nobody."""
        raise AssertionError(owner)

    def now(self) -> float:
        """Know no time."""
        raise AssertionError


class Run:
    """What every pass together made of a text."""

    def __init__(self, text: str, world: World, **defines: str) -> None:
        """Compile *text*, the content of ``smtpd.conf``."""
        report = Report()
        self.compilation: Compilation = compile_octets("smtpd.conf", text.encode(), world, report, defines=defines)
        self.findings: list[Diagnostic] = silence(report.diagnostics, self.compilation.text)

    @property
    def program(self) -> str:
        """The text form of the program."""
        assert self.compilation.ruleset is not None
        assert self.compilation.text is not None
        return print_program(emit(self.compilation.ruleset, self.compilation.text.source))


def static(text: str, **defines: str) -> Run:
    """Compile *text* without a look at this machine."""
    return Run(text, Machine(static=True), **defines)


# ---------------------------------------------------------------- order


def parts(program: str) -> list[str]:
    """Return the parts of a printed program without their places, in an order of their own."""
    without_places = re.sub(r"  smtpd\.conf:\d+$", "", program, flags=re.MULTILINE)
    return sorted(re.split(r"\n(?=\S)", without_places.removesuffix("\n")))


@given(declarations=st.permutations(DECLARATIONS), data=st.data())
def test_declarations_have_no_order(declarations: list[str], data: st.DataObject) -> None:
    """Only rules are tried one after the other; a name may be used before it is declared, whatever it names."""
    places = data.draw(st.lists(st.integers(0, len(DECLARATIONS)), min_size=len(RULES), max_size=len(RULES)))
    lines = list(declarations)
    # The last rule goes in first, so those before it stay before it.
    for place, rule in zip(sorted(places, reverse=True), reversed(RULES), strict=True):
        lines.insert(place, rule)
    usual, found = static("\n".join(STATEMENTS) + "\n"), static("\n".join(lines) + "\n")

    assert codes(usual.findings) == codes(found.findings) == []
    assert parts(found.program) == parts(usual.program)


def test_rules_have_an_order() -> None:
    """The parts that are compared above do tell two rules that change places."""
    swapped = [*DECLARATIONS, *RULES[::-1]]

    assert parts(static("\n".join(swapped)).program) != parts(static("\n".join(STATEMENTS)).program)


@pytest.mark.parametrize("target", [Target.OPENSMTPD_6_8, Target.OPENSMTPD_7_8])
def test_other_releases_take_the_usual_order(target: Target) -> None:
    """What the permutations start from has no name before its declaration."""
    report = Report()
    compile_octets("smtpd.conf", "\n".join(STATEMENTS).encode(), Machine(static=True), report, target=target)

    assert codes(report.diagnostics) == []


# ---------------------------------------------------------------- half a file

LEGACY = """\
pki mail certificate "/c" key "/k"
table domains { example.org }
table aliases { root = ann }
table secrets { work = "ann:secret" }
listen on 127.0.0.1 tls auth pki mail
expire 2d
accept from any for domain <domains> alias <aliases> deliver to mbox
accept from local for any relay via "tls+auth://work@mx.example.net" auth <secrets>
""".splitlines()
BROKEN = {
    ")": "syntax-error",
    "}": "syntax-error",
    '"never closed': "syntax-error",
    "nonsense": "syntax-error",
    "; nonsense": "syntax-error",
    "queue compression": "syntax-error",
    "$nobody": "undefined-macro",
}


@pytest.mark.parametrize("rest", BROKEN)
@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_broken_statement_is_one_finding(statement: str, rest: str) -> None:
    """What it would have declared is known, what it would have used is not missed, and the others are fine."""
    lines = [f"{each} {rest}" if each == statement else each for each in STATEMENTS]

    assert codes(static("\n".join(lines) + "\n").findings) == [BROKEN[rest]]


@pytest.mark.parametrize("rest", BROKEN)
@pytest.mark.parametrize("statement", LEGACY)
def test_a_broken_statement_before_6_4_is_one_finding(statement: str, rest: str) -> None:
    """The same in the older language, before and behind its translation."""
    lines = [f"{each} {rest}" if each == statement else each for each in LEGACY]

    assert codes(static("\n".join(LEGACY) + "\n").findings) == []
    assert codes(static("\n".join(lines) + "\n").findings) == [BROKEN[rest]]


def test_the_statements_beside_a_broken_one_are_checked() -> None:
    """Half a file is no excuse: what is wrong with the other half is told in the same run."""
    text = 'action out relay )\nlisten on 127.0.0.1 tag a\nmatch tag a for any action "uot"\naction out relay tls tls\n'

    found = static(text)

    assert shown(found.findings) == [
        "1:18 error syntax-error ')'",
        "3:28 error unknown-action '\"uot\"'",
        "4:22 error duplicate-option 'tls'",
    ]


@pytest.mark.parametrize("missing", ["/etc/rest.conf", "/etc/binary.conf", "/etc/self.conf"])
def test_a_file_that_is_missing_is_one_finding(missing: str) -> None:
    """It might have declared anything."""
    files = {"/etc/binary.conf": "a\0b", "/etc/self.conf": 'include "/etc/self.conf"\n'}
    text = f'include "{missing}"\nlisten on 127.0.0.1 tls pki mail filter f\nmatch from src <t> for any action out\n'

    assert len(Run(text, Bench(files)).findings) == 1


# ---------------------------------------------------------------- silence

UNUSED = "table t { a }"
FINE = "listen on 127.0.0.1\naction out relay\nmatch for any action out\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{UNUSED}\n", ["1:7 warning unused-table 't'"]),
        (f"{UNUSED} # smtpdsl: allow unused-table -- for later\n", []),
        (f"admd x\n# smtpdsl: allow unused-table -- for later\n{UNUSED}\n", []),
        (f"# smtpdsl: allow unused-table -- for later\n\nadmd x\n{UNUSED}\n", []),
        (
            f"admd x\n# smtpdsl: allow unused-table\nqueue ttl 1d\n{UNUSED}\n",
            ["2:18 warning unused-suppression", "4:7"],
        ),
        (f"{UNUSED} # smtpdsl: allow unused-tables\n", ["1:7 warning unused-table", "1:32 warning unknown-code"]),
        (f"{UNUSED} # smtpdsl: allow unused-macro\n", ["1:7 warning unused-table", "1:32 warning unused-suppression"]),
        ("table t { # smtpdsl: allow unused-table\n  a }\n", []),
        ("admd x\n# smtpdsl: allow duplicate-key, unused-table\ntable t { a\n  a }\n", []),
        ('name = "t"\ntable $name { a } # smtpdsl: allow unused-table\n', []),
        ('table t { "# smtpdsl: allow unused-table" }\n', ["1:7 warning unused-table 't'"]),
    ],
)
def test_comments_silence_what_they_name(text: str, found: list[str]) -> None:
    """On their line, for the statement below, or for the file; a comment that silences nothing is a finding."""
    findings = shown(static(text + FINE).findings)

    assert len(findings) == len(found)
    assert all(one.startswith(start) for one, start in zip(findings, found, strict=True)), findings


def test_a_comment_of_one_file_says_nothing_of_another() -> None:
    """At the head of an include a comment holds for that file."""
    files = {"/etc/a": f"# smtpdsl: allow unused-table\n{UNUSED}\n", "/etc/b": "table other { b }\n"}

    found = Run(f'include "/etc/a"\ninclude "/etc/b"\n{FINE}', Bench(files)).findings

    assert [each.span.written().span.source.name for each in found] == ["/etc/b"]


def test_errors_are_not_silenced() -> None:
    """The comment gets a finding of its own, and nobody is told that an unused one is unused."""
    text = f'match for any action "in" # smtpdsl: allow unknown-action\nadmd x # smtpdsl: allow duplicate-key\n{FINE}'

    assert sorted(codes(static(text).findings)) == ["unknown-action", "unused-suppression"]


def test_findings_for_another_release_are_silenced(tmp_path: Path) -> None:
    """Where it does otherwise; what it refuses is an error."""
    text = f"match from any tls for any reject # smtpdsl: allow portability, impossible-pattern\n{FINE}"
    late = f'match for local action "late" # smtpdsl: allow portability\naction "late" relay\n{FINE}'
    options = ["--static", "--target", "opensmtpd-7.8"]

    assert codes(check_text(text, tmp_path, options=options)) == []
    assert codes(check_text(late, tmp_path, options=options)) == ["portability", "unused-suppression"]


def test_lines_before_6_4_are_silenced() -> None:
    """One line of the older language becomes two rules here, which are silenced together."""
    text = "\n".join([*LEGACY, "accept sender { joe@x@example.org } for any relay"])
    ruleset = static(text).compilation.ruleset

    assert ruleset is not None
    assert [rule.span for rule in ruleset.rules[-2:]] == [ruleset.rules[-1].span] * 2
    assert codes(static(text).findings) == ["impossible-pattern"]
    assert codes(static(f"{text} # smtpdsl: allow impossible-pattern\n").findings) == []


# ---------------------------------------------------------------- macros of the command line


def test_the_command_line_overrides_a_macro() -> None:
    """The definition of the file is ignored, and the program is that of the value given."""
    text = 'hops = "127.0.0.1"\nlisten on $hops\naction out relay\nmatch for any action out\n'

    given = static(text, hops="127.0.0.2")

    assert codes(given.findings) == []
    assert given.program == static(text.replace('"127.0.0.1"', '"127.0.0.2"')).program


def test_the_command_line_may_say_what_no_file_does() -> None:
    """The value is text: words, options, whole statements; one that nobody refers to is no finding."""
    text = "listen on 127.0.0.1 $options\naction out relay\nmatch for any action out\n$more\n"

    given = static(text, options="tag inside mask-src", more="queue ttl 1d", unused="x")

    assert codes(given.findings) == []
    assert '  tag: "inside"\n' in given.program
    assert "  queue ttl: 86400\n" in given.program
    assert codes(static(text).findings) == ["undefined-macro", "undefined-macro"]


def test_a_mistake_of_the_command_line_is_shown_where_it_is_used() -> None:
    """The value stands in no file; the reference does."""
    [found] = static(f"{FINE}queue ttl $life\n", life="1w").findings
    written = found.span.written()

    assert found.code.name == "unusable-value"
    assert (written.span.source.name, written.span.text) == ("smtpd.conf", "$life")
    assert [passage.note for passage in written.through] == ["the value of `life` from the command line"]


# ---------------------------------------------------------------- roots

PAIR = make_pair("mail")
ROOTED = """\
include "/etc/more.conf"
pki mail cert "/etc/mail.crt" key "/etc/mail.key"
ca authority cert "/etc/ca.crt"
table domains file:/etc/domains
table aliases { staff = ":include:/etc/staff" }
listen on 127.0.0.1 tls pki mail hostname mail
action in mbox alias <aliases>
action out relay ca authority
match from any for domain <domains> action in
match for any action out
"""
FILES = {
    "/etc/more.conf": "queue ttl 1d\n",
    "/etc/mail.crt": PAIR.certificate,
    "/etc/mail.key": PAIR.key,
    "/etc/ca.crt": PAIR.certificate,
    "/etc/domains": "example.org\n",
    "/etc/staff": "ann\n",
}


def test_absolute_paths_lie_under_the_root(tmp_path: Path) -> None:
    """Included files, certificates, keys, authorities, tables, and the files that aliases include."""
    assert codes(check_text(ROOTED, tmp_path, FILES)) == []


@pytest.mark.parametrize("path", FILES)
def test_each_path_is_looked_for_under_the_root(path: str, tmp_path: Path) -> None:
    """One that is missing there is the one finding, whatever the machine has."""
    files = {each: content for each, content in FILES.items() if each != path}

    [found] = check_text(ROOTED, tmp_path, files)

    assert path in found.span.text
    assert "no such file or directory" in found.message


def test_findings_in_a_file_name_it_under_the_root(tmp_path: Path) -> None:
    """The path that an editor can open, not the one that the configuration writes."""
    [found] = check_text(ROOTED, tmp_path, {**FILES, "/etc/domains": ".example.org\n"})

    assert found.span.source.name == f"{tmp_path}/etc/domains"


def test_a_relative_path_is_no_matter_of_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken from the working directory, root or not."""
    write_files(tmp_path, {"/here/more.conf": "action out relay\n", "/root/more.conf": "action elsewhere relay\n"})
    monkeypatch.chdir(tmp_path / "here")

    assert codes(check_text('include "more.conf"\n' + FINE.replace("action out relay\n", ""), tmp_path / "root")) == []


@pytest.mark.parametrize(
    "statement",
    [
        'action in mda "{} -x"\nmatch for local action in\n',
        'mda wrapper w "{} %{{mda}}"\naction in mbox wrapper w\nmatch for local action in\n',
        'filter f proc-exec "{}"\nlisten on 127.0.0.2 filter f\n',
        'action in mbox alias {{ ann = "|{}" }}\nmatch for local action in\n',
    ],
)
def test_programs_keep_their_paths(statement: str, tmp_path: Path) -> None:
    """Methods, wrappers, filters and pipes run what this machine has; a test bed needs no copy."""
    write_files(tmp_path, {"/opt/mine": "#!/bin/sh\n"})
    (tmp_path / "opt" / "mine").chmod(0o755)

    assert codes(check_text(statement.format("/bin/sh") + FINE, tmp_path)) == []
    assert codes(check_text(statement.format("/opt/mine") + FINE, tmp_path)) == ["missing-file"]


def test_a_test_bed_needs_no_accounts_and_no_owners(tmp_path: Path) -> None:
    """Who owns a file and who exists is a matter of the machine that is meant."""
    text = "action in maildir user no-such-account\nmatch for local action in\n"
    files = {**FILES, "/k": PAIR.key}

    assert codes(check_text(text + FINE, tmp_path)) == []
    found = check_text(ROOTED.replace("/etc/mail.key", "/k"), tmp_path, files)
    # Everybody may read it, which under a root is said and not refused.
    assert [line.split(" ", 2)[1:] for line in shown(found)] == [["warning", "unsafe-file '\"/k\"'"]]


# ---------------------------------------------------------------- static looks


def test_a_static_look_reads_includes_alone(tmp_path: Path) -> None:
    """Names, files, programs, accounts, interfaces and the time of this machine are nobody's business then."""
    include, inner = tmp_path / "more.conf", tmp_path / "inner.conf"
    include.write_text(f'table listed file:/etc/listed\nmatch from src <listed> for any reject\ninclude "{inner}"\n')
    inner.write_text("queue ttl 1d\n")
    text = f"""\
include "{include}"
pki mail cert "/etc/mail.crt" key "/etc/mail.key"
ca authority cert "/etc/ca.crt"
table hashed db:/etc/hashed.db
table outside ldap:/etc/ldap.conf
table users getpwnam
proc scanner "/opt/scan" user scan group scan chroot "/var/empty"
filter scan proc scanner
filter spam proc-exec "filter-spam -v"
listen on eth7 port submission tls-require pki mail auth <hashed> filter {{ scan, spam }}
listen on mx.example.org
listen on socket
mda wrapper nice "/opt/nice %{{mda}}"
action in mda "/opt/deliver" user mailer alias {{ a = "|/opt/x, :include:/etc/staff, /var/mail/a" }} wrapper nice
action over lmtp "lmtp.example.org:some-service" userbase <users>
action out relay host "smtps://a@mx.example.net" auth <hashed> ca authority pki mail
action elsewhere relay domain <outside> src {{ 192.0.2.1 }}
match from any for domain <outside> action in
match from auth <hashed> for local action over
match from auth for domain example.net action elsewhere
match from auth for any action out
"""

    found = Run(text, Blind([str(include), str(inner)])).findings

    assert shown(found) == []
