"""Files that other files include."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smtpdsl.compiler.decode import decode
from smtpdsl.compiler.expand import expand
from smtpdsl.compiler.includes import MAX_INCLUDE_DEPTH
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.arrange import arrange
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir import syntax
from tests.compiler.reading import describe, place, read, refused


def test_an_include_stands_on_lines_of_its_own() -> None:
    """The file begins a new line, and the rest of the including line goes on after it."""
    found = read('include "/a" listen on eth0\nlisten on eth1\n', {"/a": "listen on lo"})

    assert not found.messages
    assert [line.strip() for line in found.text.split("\n")] == [
        'include "/a"',
        "listen on lo",
        "listen on eth0",
        "listen on eth1",
        "",
    ]


@pytest.mark.parametrize("content", ["", "\n", "# nothing", "listen on lo", "listen on lo\n"])
def test_an_included_file_needs_no_last_newline(content: str) -> None:
    """A missing one is supplied."""
    assert not read('include "/a"\nlisten on eth0\n', {"/a": content}).messages


def test_an_included_file_defines_macros_for_the_rest() -> None:
    """Macros have one scope, over all files."""
    found = read('include "/a"\nlisten on $if\n', {"/a": 'include "/b"\n', "/b": 'if = "lo"\n'})

    assert not found.messages
    assert found.text.endswith("listen on lo\n")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x = \"'/a'\"\ninclude $x\n", id="path"),
        pytest.param("x = \"include '/a'\"\n$x\n", id="whole"),
        pytest.param("x = \"include '/a' listen on eth0\"\n$x\n", id="with-a-statement-behind"),
        pytest.param("x = \"include\"\n$x '/a'\n", id="word"),
        pytest.param("incl\\\nude '/a'\n", id="continued"),
        pytest.param("  include\t'/a' # c\n", id="indented"),
    ],
)
def test_an_include_may_come_out_of_a_macro(text: str) -> None:
    """Where the words of an include come from makes no difference."""
    found = read(text, {"/a": "listen on lo\n"})

    assert not found.messages
    assert "listen on lo\n" in found.text
    assert found.expanded is not None
    assert [source.name for source in found.expanded.files] == ["smtpd.conf", "/a"]


@pytest.mark.parametrize(
    "text", ['table t {\n include "/a"\n}\n', "x = include\n", 'include = "/a"\n', "include </a>\n"]
)
def test_what_is_no_include_reads_nothing(text: str) -> None:
    """The word alone, or in braces, is left to the parser."""
    found = read(text, {"/a": "listen on lo\n"})

    assert found.expanded is not None
    assert len(found.expanded.files) == 1
    assert found.errors


def test_findings_of_an_included_file_are_in_that_file() -> None:
    """With its name, line and column."""
    found = read('listen on lo\ninclude "/a"\n', {"/a": "# c\nlisten on lo prot 25\n"})

    assert [each.split(": ")[0] for each in found.messages] == ["/a:2:14 syntax-error"]


def test_a_missing_file_is_a_finding_at_the_path() -> None:
    """The rest of the line and of the file is read."""
    found = read('include "/nowhere" listen on lo\nlisten on lo prot 25\n')

    assert found.messages[0] == (
        '1:9 unreadable-include: cannot read the included file "/nowhere": no such file or directory'
    )
    assert [place(each.span) for each in found.findings[1:]] == ["2:14"]


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        ("conf.d/a", "a relative path is taken from the working directory; write it absolute"),
        ("/etc/*.conf", "patterns have no meaning here: write one `include` for each file"),
        ("~/smtpd.conf", "`~` has no meaning here: write the path in full"),
    ],
)
def test_a_path_that_means_something_else_is_explained(path: str, advice: str) -> None:
    """No patterns, no home directories, no directory of the including file."""
    (found,) = read(f'include "{path}"\n').findings

    assert found.help == advice


def on_disk(folder: Path, text: str) -> list[str]:
    """Expand *text* on this machine; returns the findings, with *folder* left out."""
    report = Report()
    source = decode("smtpd.conf", text.encode(), report)
    assert source is not None
    expand(source, Machine(), report)
    return [describe(found).replace(os.fspath(folder), "") for found in report.diagnostics]


def test_relative_paths_are_taken_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the original, whatever the manual says about absolute paths."""
    (tmp_path / "a").write_text("listen on $x\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert on_disk(tmp_path, "include a\n") == ['a:1:11 undefined-macro: macro "x" is not defined']


def test_directories_and_pipes_are_not_read(tmp_path: Path) -> None:
    """Opening a pipe would wait for a writer that never comes."""
    os.mkfifo(tmp_path / "pipe")

    assert on_disk(tmp_path, f'include "{tmp_path}"\ninclude "{tmp_path}/pipe"\ninclude "/dev/zero"\n') == [
        '1:9 unreadable-include: cannot read the included file "": it is a directory',
        '2:9 unreadable-include: cannot read the included file "/pipe": it is no regular file',
        '3:9 unreadable-include: cannot read the included file "/dev/zero": it is no regular file',
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_a_finding(tmp_path: Path) -> None:
    """With the reason of the operating system."""
    (tmp_path / "a").touch(mode=0)

    assert on_disk(tmp_path, f'include "{tmp_path}/a"\n') == [
        '1:9 unreadable-include: cannot read the included file "/a": permission denied'
    ]


def test_a_link_to_an_open_file_is_a_cycle(tmp_path: Path) -> None:
    """Two names of one file are the same file."""
    (tmp_path / "a").write_text(f'include "{tmp_path}/b"\n', encoding="utf-8")
    (tmp_path / "b").symlink_to("a")

    assert on_disk(tmp_path, f'include "{tmp_path}/a"\n') == ['/a:1:9 include-cycle: "/b" includes itself']


def test_a_file_under_a_root_may_not_include_itself(tmp_path: Path) -> None:
    """The first file is named from outside, and its includes from inside."""
    (tmp_path / "smtpd.conf").write_text('include "/smtpd.conf"\nlisten on lo\n', encoding="utf-8")
    source = decode(os.fspath(tmp_path / "smtpd.conf"), (tmp_path / "smtpd.conf").read_bytes(), report := Report())
    assert source is not None

    expanded = expand(source, Machine(os.fspath(tmp_path)), report)

    assert [each.code.name for each in report.diagnostics] == ["include-cycle"]
    assert expanded is not None
    assert expanded.source.text.count("listen") == 1


def test_a_binary_file_is_no_configuration() -> None:
    """The finding is about the included file."""
    assert read('include "/a"\n', {"/a": b"\0"}).messages == [
        '/a:1:1 binary-file: "/a" has a NUL at octet 0, so it is no text'
    ]


def test_a_file_that_includes_itself() -> None:
    """The include is reported and left out; the rest is read once."""
    found = read('include "smtpd.conf"\nlisten on lo\n')

    assert found.messages == ['1:9 include-cycle: "smtpd.conf" includes itself']
    assert found.text.count("listen") == 1


def test_a_cycle_is_shown() -> None:
    """The chain of the files that include each other, from the first to itself."""
    found = read('include "/a"\n', {"/a": 'include "/b"\n', "/b": 'include "/c"\n', "/c": 'include "/a"\n'})

    assert found.messages == ['/c:1:9 include-cycle: "/a" includes itself through other files']
    assert found.findings[0].notes == ("the chain is /a → /b → /c → /a",)


def test_a_file_may_be_included_twice() -> None:
    """One after the other is no cycle; what is wrong in the file is one finding for the reader."""
    found = read('include "/a"\ninclude "/a"\n', {"/a": "listen on lo prot 25\n"})

    assert found.text.count("listen on lo") == 2
    assert len(arrange(found.findings)) == 1


def test_includes_end_somewhere() -> None:
    """A chain of files may be long, but not endless."""
    files = {f"/{n}": f'include "/{n + 1}"\n' for n in range(MAX_INCLUDE_DEPTH + 10)}

    (message,) = read('include "/0"\n', files).messages

    assert f"is included more than {MAX_INCLUDE_DEPTH} files deep" in message


@pytest.mark.parametrize("width", [10, 100])
def test_exploding_includes_are_refused(width: int) -> None:
    """Files that include each other again and again are not read to the end of time."""
    files: dict[str, str | bytes] = {f"/{n}": f'include "/{n + 1}"\n' * width for n in range(60)}

    assert refused('include "/0"\n', files | {"/60": "# end\n"}) == ["1:1 oversized-text"]


def test_a_large_file_cannot_be_included_often() -> None:
    """The sum counts, not each file."""
    assert refused('include "/a"\n' * 2000, {"/a": "\n" * 10_000}) == ["1:1 oversized-text"]


def test_a_large_file_cannot_be_included_by_a_macro() -> None:
    """Where the includes are hidden, the text is measured as it grows."""
    found = refused("i = \"include '/a'\"\n" + "$i\n" * 100, {"/a": ("# " + "x" * 997 + "\n") * 1000})

    assert found == ["18:1 oversized-text"]


def test_a_reference_may_be_followed_to_its_file() -> None:
    """Through an include and a macro, to the file and the line that has the value."""
    found = read('include "/a"\nlisten on $if\n', {"/a": '\nif = "lo"\n'})

    assert found.config is not None
    listen = found.config.statements[-1]
    assert isinstance(listen, syntax.Listen)
    written = listen.interface.span.written()
    assert (place(written.span), written.span.text) == ("2:11", "$if")
    assert [(place(each.span), each.span.text) for each in written.through] == [("/a:2:7", "lo")]
    assert place(listen.span) == "2:1"


def test_same_path_on_both_sides_of_the_root(tmp_path: Path) -> None:
    """A file that is given may include the one of the same name under the root: that is another file."""
    given = tmp_path / "smtpd.conf"
    given.write_text(f'include "{given}"\n')
    inner = tmp_path / "root" / given.relative_to("/")
    inner.parent.mkdir(parents=True)
    inner.write_text("listen on lo\n")
    report = Report()

    expand(Source(str(given), given.read_text()), Machine(str(tmp_path / "root")), report)

    assert report.diagnostics == []
