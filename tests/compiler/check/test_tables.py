"""Tables that cannot answer what they are asked, and entries that do not do what they seem to."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.compiler.check.entries import MOST_FINDINGS, plain_pattern
from smtpdsl.diagnostics.codes import CODES
from smtpdsl.diagnostics.diagnostic import Diagnostic, Severity
from smtpdsl.diagnostics.render import render_text
from smtpdsl.ir.table_entry import entry_problem
from smtpdsl.ir.table_file import Service
from tests.checking import check_text, codes

REAL_WORLD = Path(__file__).parents[2] / "real_world"


def check(root: Path, text: str, files: dict[str, str] | None = None) -> list[Diagnostic]:
    """Return the findings for a configuration with a listener."""
    return check_text("listen on localhost\n" + text, root, files)


def the_finding(found: list[Diagnostic], code: str) -> Diagnostic:
    """Return the one finding of *found* that has *code*."""
    (finding,) = [each for each in found if each.code.name == code]
    return finding


def place(finding: Diagnostic) -> tuple[str, int, int]:
    """Return the last part of the file's name, the line and the column of *finding*."""
    line, column = finding.span.source.position(finding.span.start)
    return finding.span.source.name.rpartition("/")[2], line, column


# ---------------------------------------------------------------- kinds


def test_list_where_mapping_is_needed(tmp_path: Path) -> None:
    """The finding stands at the reference and shows where the list is declared."""
    found = check(tmp_path, 'table users { ann, ben }\naction "a" maildir alias <users>\nmatch for local action "a"\n')

    finding = the_finding(found, "table-kind")
    assert finding.severity is Severity.ERROR
    assert finding.span.text == "<users>"
    assert [related.span.text for related in finding.related] == ["users"]
    assert codes(found) == ["table-kind"]


def test_colons_of_a_file_in_braces(tmp_path: Path) -> None:
    """``{ a: b }`` is a list of words, and the fix writes equals signs."""
    found = check(tmp_path, 'action "a" maildir alias { ann: joe, ben: jim }\nmatch for local action "a"\n')

    finding = the_finding(found, "table-kind")
    assert "`{ key = value }`" in finding.help
    assert finding.fix is not None
    assert [(edit.span.text, edit.replacement) for edit in finding.fix.edits] == [("ann:", "ann ="), ("ben:", "ben =")]


@pytest.mark.parametrize("first", ["2001:db8::1", "smtp://mx.example.org", "192.0.2.1 # office"])
def test_first_entry_makes_a_list_file_a_mapping(tmp_path: Path, first: str) -> None:
    """An address of IPv6, a URL or a comment on the first line of a list shows as the reason, with the way out."""
    files = {"/etc/mail/hosts": f"# hosts\n{first}\n"}
    found = check(tmp_path, "table hosts file:/etc/mail/hosts\nmatch from src <hosts> for any reject\n", files)

    finding = the_finding(found, "table-kind")
    assert "put `# @list`" in finding.help
    assert [place(finding.replace(span=related.span)) for related in finding.related] == [("hosts", 2, 1)]


def test_empty_file_is_a_mapping(tmp_path: Path) -> None:
    """An empty file where a list is needed is one mistake, whatever the number of rules that ask it."""
    rules = "match from src <hosts> for any reject\nmatch !from src <hosts> for local reject\n"
    found = check(tmp_path, f"table hosts file:/hosts\n{rules}", {"/hosts": "# none yet\n"})

    finding = the_finding(found, "table-kind")
    assert "# @list" in finding.help
    assert finding.related[-1].span.source.position(finding.related[-1].span.start).line == 4
    assert codes(found) == ["table-kind"]


def test_list_file_where_mapping_is_needed(tmp_path: Path) -> None:
    """A comment that makes a file a list is shown."""
    files = {"/aliases": "# @list\nann: ben\n"}
    found = check(tmp_path, 'table t file:/aliases\naction "a" maildir alias <t>\nmatch for local action "a"\n', files)

    finding = the_finding(found, "table-kind")
    assert finding.related[0].span.text == "# @list"


def test_malformed_file_has_no_wrong_kind(tmp_path: Path) -> None:
    """A list that begins with an IPv6 address is reported once, at the line that has no value."""
    found = check(
        tmp_path,
        "table hosts file:/hosts\nmatch from src <hosts> for any reject\n",
        {"/hosts": "2001:db8::1\n192.0.2.1\n"},
    )

    assert codes(found) == ["malformed-table"]
    assert place(found[0]) == ("hosts", 2, 1)
    assert "# @list" in found[0].help


def test_mask_source_after_auth(tmp_path: Path) -> None:
    """`auth mask-source` takes the old option for a table of logins; the fix is its new name."""
    found = check(tmp_path, "listen on localhost port 587 tls-require auth mask-source\nmatch for local reject\n")

    finding = the_finding(found, "table-kind")
    assert "every login fails" in finding.message
    assert "renamed `mask-src` in 6.4" in finding.help
    assert finding.fix is not None
    assert finding.fix.edits[0].replacement == "mask-src"


def test_name_of_a_table_without_brackets(tmp_path: Path) -> None:
    """A word that is the name of a table is taken for it, and the table does not count as unused."""
    found = check(
        tmp_path,
        'table aliases { staff = ann }\naction "a" maildir alias aliases\nmatch for local action "a"\n',
    )

    finding = the_finding(found, "table-kind")
    assert "`<aliases>`" in finding.help
    assert codes(found) == ["table-kind"]


def test_word_like_a_table_in_a_rule(tmp_path: Path) -> None:
    """``for domain domains`` is the domain of that name, which nobody means who has such a table."""
    found = check(tmp_path, "table domains { example.org }\nmatch from any for domain domains reject\n")

    assert codes(found) == ["suspicious-pattern"]
    assert found[0].fix is not None
    assert found[0].fix.edits[0].replacement == "<domains>"


def test_domain_that_names_its_table(tmp_path: Path) -> None:
    """A table may be called after a domain, and the domain still be written by itself."""
    found = check(
        tmp_path,
        'table example.org { a = b }\naction "a" maildir virtual <example.org>\n'
        'match from any for domain example.org action "a"\n',
    )

    assert codes(found) == []


@pytest.mark.parametrize(
    ("place_in_rule", "is_refused"),
    [("from auth {a = b}", True), ("from any auth {a = b}", False), ("mail-from {a = b}", False)],
)
def test_mapping_in_a_rule(tmp_path: Path, place_in_rule: str, *, is_refused: bool) -> None:
    """Some conditions look at the keys of a mapping; `from auth` alone does not."""
    found = check(tmp_path, f"match {place_in_rule} for any reject\n")

    assert ("table-kind" in codes(found)) is is_refused


def test_filters_ask_any_table(tmp_path: Path) -> None:
    """OpenSMTPD checks no kinds in filters."""
    found = check_text(
        "filter f phase connect match src { 192.0.2.1 = x } junk\n"
        "listen on localhost filter f\nmatch for local reject\n",
        tmp_path,
    )

    assert codes(found) == []


# ---------------------------------------------------------------- entries


def test_entry_of_a_file_is_shown_where_it_stands(tmp_path: Path) -> None:
    """A finding about an entry has the file, the line and the column of the characters to blame."""
    files = {"/aliases": "root: ann\n\n  staff:\tann, b<n\n"}
    found = check(tmp_path, 'table t file:/aliases\naction "a" maildir alias <t>\nmatch for local action "a"\n', files)

    finding = the_finding(found, "unusable-entry")
    assert place(finding) == ("aliases", 3, 15)
    assert finding.span.text == "b<n"
    assert finding.severity is Severity.WARNING
    assert finding.related[0].span.text == "<t>"


def test_entry_is_reported_once_for_each_service(tmp_path: Path) -> None:
    """Two rules that ask a table the same thing share a finding; another question has its own."""
    rules = "match from any for domain <t> reject\nmatch for domain <t> reject\nmatch for any mail-from <t> reject\n"
    found = check(tmp_path, f'table t {{ x.example, ".example.org" }}\n{rules}')

    assert sorted(codes(found)) == ["impossible-pattern", "impossible-pattern", "suspicious-pattern"]


def test_carets_stay_inside_quotes(tmp_path: Path) -> None:
    """A quoted entry is pointed at without its quotes."""
    found = check(tmp_path, 'match from src { "10.0.0.1", "10.0.0.0/40" } for any reject\n')

    assert the_finding(found, "unusable-network").span.text == "10.0.0.0/40"


def test_many_bad_entries_are_not_all_reported(tmp_path: Path) -> None:
    """After a number of findings the rest of a table is left alone, and the last finding says so."""
    files = {"/domains": "".join(f".d{number}.example\n" for number in range(MOST_FINDINGS + 5))}
    found = check(tmp_path, "table t file:/domains\nmatch from any for domain <t> reject\n", files)

    assert codes(found) == ["impossible-pattern"] * MOST_FINDINGS
    assert found[-1].notes == ("the entries after this one were not checked",)
    assert not found[-2].notes


@pytest.mark.parametrize(
    ("pattern", "is_impossible"), [("^$", True), ("^<>$", True), ("^@$", False), ("^.*@example", False)]
)
def test_null_sender_in_a_rule(tmp_path: Path, pattern: str, *, is_impossible: bool) -> None:
    """A rule compares the null reverse-path as ``@``."""
    found = check(tmp_path, f'match from any for any mail-from regex "{pattern}" reject\n')

    assert ("impossible-pattern" in codes(found)) is is_impossible


@pytest.mark.parametrize(("pattern", "is_impossible"), [("^@$", True), ("^$", False)])
def test_null_sender_in_a_filter(tmp_path: Path, pattern: str, *, is_impossible: bool) -> None:
    """A filter compares the null reverse-path as the empty text."""
    found = check_text(
        f'filter f phase mail-from match mail-from regex "{pattern}" junk\n'
        "listen on localhost filter f\nmatch for local reject\n",
        tmp_path,
    )

    assert ("impossible-pattern" in codes(found)) is is_impossible


@pytest.mark.parametrize(
    ("option", "blamed"),
    [
        ('senders { ann = "@example.org, ann@exa mple.org" }', "ann@exa mple.org"),
        ('hostnames { "::1" = mx.example.org }', "::1"),
        ('hostnames { "[::1]" = "mx_1 example" }', "mx_1 example"),
        ('auth { ann = "plain text" }', "plain text"),
    ],
)
def test_mappings_of_a_listener(tmp_path: Path, option: str, blamed: str) -> None:
    """What the keys and values of a mapping have to be depends on the option."""
    options = option if option.startswith("auth") else f"auth {option}"
    found = check(tmp_path, f"listen on localhost port 587 tls-require {options}\nmatch for local reject\n")

    assert the_finding(found, "unusable-entry").span.text == blamed


def test_users_of_a_userbase(tmp_path: Path) -> None:
    """A user has a number, the number of a group, and a home directory."""
    files = {"/users": "ann 1000:1000:/home/ann\nben 1000:users:/home/ben\n"}
    found = check(tmp_path, 'table t file:/users\naction "a" maildir userbase <t>\nmatch for local action "a"\n', files)

    finding = the_finding(found, "unusable-entry")
    assert place(finding) == ("users", 2, 5)
    assert '"users"' in finding.message


def test_credentials_depend_on_who_asks(tmp_path: Path) -> None:
    """A listener needs hashes, a relay passwords; one table cannot serve both."""
    found = check_text(
        'table secrets { ann = "ann:secret" }\n'
        "listen on localhost port 587 tls-require auth <secrets>\n"
        'action "out" relay host "smtps://ann@mx.example.org" auth <secrets>\n'
        'match from auth for any action "out"\n',
        tmp_path,
    )

    finding = the_finding(found, "unusable-entry")
    assert "expected a password hash" in finding.message
    assert finding.related[0].message == "`auth` asks this table"


def test_secrets_are_never_repeated(tmp_path: Path) -> None:
    """What is wrong with a password is said without it."""
    found = check_text(
        'table logins { ann = "hunter2", ben = "$9$hunter2" }\n'
        "listen on localhost port 587 tls-require auth <logins>\nmatch from auth for any reject\n",
        tmp_path,
    )

    finding = [each for each in found if each.code.name == "unusable-entry"]
    assert len(finding) == 2
    assert not any("hunter2" in each.message + each.help + each.label for each in finding)


def test_sources_of_a_relay(tmp_path: Path) -> None:
    """As long as one address to send from can be used it is a warning, otherwise nothing is ever sent."""
    one = check(tmp_path, 'action "a" relay src { 192.0.2.1, 192.0.2.0/24 }\nmatch for any action "a"\n')
    none = check(tmp_path, 'action "a" relay src 192.0.2.0/24\nmatch for any action "a"\n')

    assert [each.severity for each in one] == [Severity.WARNING]
    assert [each.severity for each in none] == [Severity.ERROR]
    assert codes(one) == codes(none) == ["unusable-entry"]


# ---------------------------------------------------------------- targets


def aliases(root: Path, value: str, files: dict[str, str] | None = None) -> list[Diagnostic]:
    """Return the findings for a table of one alias."""
    text = 'table t file:/aliases\naction "a" maildir alias <t>\nmatch for local action "a"\n'
    return check(root, text, {"/aliases": f"staff: {value}\n", **(files or {})})


def test_included_file_that_is_missing(tmp_path: Path) -> None:
    """An included file that does not exist is a warning at its name; one that exists is none."""
    found = aliases(tmp_path, "ann, :include:/staff, :include:/none", {"/staff": "ben\n"})

    finding = the_finding(found, "missing-file")
    assert finding.span.text == ":include:/none"
    assert finding.severity is Severity.WARNING


def test_lines_of_an_included_file_are_checked(tmp_path: Path) -> None:
    """A finding about an included file stands in it, and shows who includes it; comments are none of its lines."""
    found = aliases(tmp_path, ":include:/staff", {"/staff": "# all\nann, ben # two\njim@@example.org\n"})

    finding = the_finding(found, "unusable-entry")
    assert place(finding) == ("staff", 3, 1)
    assert finding.related[0].span.text == ":include:/staff"


def test_included_file_includes_nothing(tmp_path: Path) -> None:
    """An include inside of an included file has no effect."""
    found = aliases(tmp_path, ":include:/staff", {"/staff": "ann\n:include:/staff\n"})

    assert codes(found) == ["unusable-entry"]


def test_pipe_to_a_program_that_is_missing(tmp_path: Path) -> None:
    """The program of a pipe is looked for on the machine, not under the root."""
    found = aliases(tmp_path, '"|/usr/bin/no-such-program -d %{user.username}"', {"/usr/bin/no-such-program": ""})

    assert codes(found) == ["missing-file"]
    assert found[0].span.text == "/usr/bin/no-such-program"


def test_format_of_a_pipe(tmp_path: Path) -> None:
    """A specifier that fails in one alias leaves the others alone, so it is a warning."""
    found = aliases(tmp_path, "|/bin/cat %{nobody}")

    assert codes(found) == ["unusable-format"]
    assert found[0].span.text == "%{nobody}"
    assert found[0].severity is Severity.WARNING


def test_folder_of_a_mailbox(tmp_path: Path) -> None:
    """A mailbox is made, its folder is not; a device is in no folder of a test bed."""
    assert codes(aliases(tmp_path, "/var/mail/archive")) == ["missing-file"]
    assert codes(aliases(tmp_path, "/var/mail/archive", {"/var/mail/x": ""})) == []
    assert codes(aliases(tmp_path, "/dev/null")) == []


# ---------------------------------------------------------------- keys


def test_duplicate_keys_ignore_case(tmp_path: Path) -> None:
    """Of two values the later one holds, and the finding stands there."""
    found = check(tmp_path, 'action "a" maildir alias { ann = x, Ann = y }\nmatch for local action "a"\n')

    finding = the_finding(found, "duplicate-key")
    assert finding.span.text == "Ann"
    assert [(related.span.text, related.message) for related in finding.related] == [
        ("ann", "this value is never used")
    ]


def test_case_matters_in_regular_expressions(tmp_path: Path) -> None:
    r"""``\S`` and ``\s`` are different expressions."""
    found = check(tmp_path, r'match from any for any helo regex { "a\\Sb", "a\\sb" } reject' + "\n")

    assert "duplicate-key" not in codes(found)


def test_list_with_a_duplicate(tmp_path: Path) -> None:
    """A second entry of a list has no effect."""
    found = check(tmp_path, "match from any for domain { example.org, EXAMPLE.org } reject\n")

    assert codes(found) == ["duplicate-key"]


def test_empty_list_of_relays(tmp_path: Path) -> None:
    """Without any host nothing can be sent, so an empty list is an error there."""
    found = check(
        tmp_path, 'table t file:/t\naction "a" relay host <t>\nmatch for any action "a"\n', {"/t": "# @list\n"}
    )

    assert [(each.code.name, each.severity) for each in found] == [("empty-table", Severity.ERROR)]


def test_unknown_content_has_no_findings(tmp_path: Path) -> None:
    """A database is read by the server only."""
    found = check(
        tmp_path, 'table t db:/t\naction "a" relay host <t> auth <t>\nmatch for any action "a"\n', {"/t": "x"}
    )

    assert codes(found) == []


# ---------------------------------------------------------------- laws


@pytest.mark.parametrize("service", [Service.DOMAIN, Service.MAILADDR, Service.NETADDR, Service.ALIAS])
@given(data=st.data())
def test_plain_entries_have_no_problem(service: Service, data: st.DataObject) -> None:
    """The short way past entries that are surely right never hides a finding."""
    plain = plain_pattern(service)
    assert plain is not None
    text = data.draw(st.from_regex(re.compile(plain.pattern), fullmatch=True))

    problem = entry_problem(service, "key", text) if service is Service.ALIAS else entry_problem(service, text, None)

    assert problem is None


def _accepted() -> list[str]:
    with (REAL_WORLD / "index.tsv").open(encoding="utf-8") as index:
        rows = list(csv.DictReader(index, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row["file"] for row in rows if row["dialect"] == "modern" and "| 6.8: ok" in row["notes"]]


@pytest.mark.parametrize("name", _accepted())
def test_what_served_mail_has_no_errors(name: str, tmp_path: Path) -> None:
    """A configuration that OpenSMTPD accepted has no error, even if nothing is known of its files."""
    text = (REAL_WORLD / f"{name}.conf").read_bytes()

    found = check_text(text, tmp_path, options=["--static"])

    assert [each for each in found if each.severity is Severity.ERROR] == []
    assert {each.code.name for each in found} <= set(CODES)


def test_passwords_are_not_in_excerpts(tmp_path: Path) -> None:
    """A finding about a table of passwords shows the keys of its lines, and no password."""
    text = 'action "out" relay host smtps://prov@mx.example.net auth <secrets>\nmatch for any action "out"\n'
    files = {"/etc/secrets": "prov joe:MySecret\nfoo bar:\n"}
    found = check(tmp_path, f"table secrets file:/etc/secrets\n{text}", files)

    printed = render_text(found, colour=False)
    assert "foo" in printed
    assert "MySecret" not in printed
    assert "bar" not in printed


def test_passwords_that_everybody_may_read(tmp_path: Path) -> None:
    """A table of passwords with mode 0644 is told, where the real owner and mode are known."""
    secrets = tmp_path / "secrets"
    secrets.write_text("prov joe:secret\n")
    text = f'table secrets "{secrets}"\naction "out" relay host smtps://prov@mx.example.net auth <secrets>\n'
    secrets.chmod(0o644)
    open_to_all = check_text(text, tmp_path, {}, ["--here"])
    secrets.chmod(0o640)

    assert "unsafe-file" in codes(open_to_all)
    assert "unsafe-file" not in codes(check_text(text, tmp_path, {}, ["--here"]))


@pytest.mark.parametrize(
    ("rule", "code", "message"),
    [
        ('from rdns "*.example.org"', "impossible-pattern", "reverse DNS names are compared whole"),
        (r'from any mail-from regex "@spam\\."', "suspicious-pattern", "two backslashes match one backslash"),
    ],
)
def test_pattern_that_this_place_never_matches(tmp_path: Path, rule: str, code: str, message: str) -> None:
    """A pattern that is right elsewhere is told where nothing can match it."""
    [found] = [each for each in check(tmp_path, f"match {rule} for any reject\n") if each.code.name == code]

    assert message in found.message


def test_right_neighbours_of_such_patterns(tmp_path: Path) -> None:
    """A whole name, and one backslash, are fine."""
    text = 'match from rdns "mx.example.org" for any reject\nmatch from any mail-from regex "@spam\\." for any reject\n'

    assert {"impossible-pattern", "suspicious-pattern"}.isdisjoint(codes(check(tmp_path, text)))


def test_address_as_the_key_of_an_alias(tmp_path: Path) -> None:
    """`alias` looks for user names, so an address is never found; `virtual` finds it."""
    text = 'action "in" maildir {} {{ "joe@x.org" = joe }}\nmatch for local action "in"\n'

    assert "impossible-pattern" in codes(check(tmp_path, text.format("alias")))
    assert "impossible-pattern" not in codes(check(tmp_path, text.format("virtual")))
