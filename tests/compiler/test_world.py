"""What the compiler asks of the machine: files that are none, names that take too long, paths under a root."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from smtpdsl.compiler.interfaces import interface_addresses, local_addresses
from smtpdsl.compiler.world import FileFacts, Machine, Unavailable, read_file


def test_absolute_paths_are_found_under_the_root(tmp_path: Path) -> None:
    """A relative path is the shell's, an absolute one the configuration's."""
    machine = Machine(f"{tmp_path}/")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "t").write_text("content")

    assert machine.read("/etc/t") == b"content"
    assert machine.locate("etc/t") == "etc/t"
    assert Machine().locate("/etc/t") == "/etc/t"
    assert (machine.is_test_bed, Machine().is_test_bed) == (True, False)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone", "no such file or directory"),
        ("folder", "it is a directory"),
        ("fifo", "it is no regular file"),
        ("a\0b", "the path contains a NUL byte"),
        ("big", "it has 11 octets, and the limit is 10"),
        ("folder/gone/deep", "no such file or directory"),
    ],
)
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, name: str, reason: str) -> None:
    """A reason in words, at once; a pipe without a writer would wait for ever."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "big").write_text("x" * 11)

    assert read_file(f"{tmp_path}/{name}", limit=10) == Unavailable(reason, is_absent=name.endswith(("gone", "deep")))


def test_owner_and_mode(tmp_path: Path) -> None:
    """Links are followed."""
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "link").symlink_to("key")

    assert Machine().facts(f"{tmp_path}/link") == FileFacts(os.geteuid(), 0o600)
    assert isinstance(Machine().facts(f"{tmp_path}/gone"), Unavailable)


def test_files_are_told_apart_by_what_they_are(tmp_path: Path) -> None:
    """Two names of one file are one file: that is how an include finds itself."""
    (tmp_path / "a").touch()
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    machine = Machine()

    assert machine.identity(f"{tmp_path}/a") == machine.identity(f"{tmp_path}/b")
    assert machine.identity("gone") == machine.identity(f"{Path.cwd()}/gone")


@pytest.mark.parametrize("name", ["/etc/mail/mailname", "/etc/mailname"])
def test_the_server_name_is_the_first_line_of_mailname(tmp_path: Path, name: str) -> None:
    """Where OpenBSD and where Debian keep it."""
    path = tmp_path / name[1:]
    path.parent.mkdir(parents=True)
    path.write_text("mx.example.org \nanother.example.org\n")

    assert Machine(str(tmp_path)).server_name() == "mx.example.org"


def test_without_mailname_the_server_has_the_hosts_name(tmp_path: Path) -> None:
    """Perhaps with its domain."""
    assert Machine(str(tmp_path)).server_name().split(".")[0] == os.uname().nodename.split(".")[0]


def test_a_static_look_knows_no_host() -> None:
    """What it says does not depend on where it is said."""
    machine = Machine(static=True)

    assert machine.server_name() == "localhost"
    assert (machine.service_port("submission"), machine.service_port("domain")) == (587, None)


@pytest.mark.parametrize(
    ("name", "port"), [("smtp", 25), ("smtps", 465), ("submission", 587), ("lmtp", 24), ("no-such-service", None)]
)
def test_services(name: str, port: int | None) -> None:
    """The names of mail are known everywhere."""
    assert Machine().service_port(name) == port


def test_localhost_needs_no_resolver() -> None:
    """Both families, whatever /etc/hosts says."""
    assert Machine().resolve("localhost") == ("127.0.0.1", "::1")


def test_a_name_that_cannot_be_resolved_has_no_address() -> None:
    """RFC 2606: nobody has this name; nor any name that cannot be one."""
    machine = Machine()

    assert machine.resolve("host.invalid") == ()
    assert machine.resolve("x" * 300) == ()


def test_a_resolver_that_hangs_is_left_behind() -> None:
    """Waiting is shared by all names of a run, and when the time is up nobody is asked."""
    machine = Machine()
    machine._patience = 0.0  # noqa: SLF001 - as if an earlier name had taken it

    assert machine.resolve("host.invalid") == ()


@pytest.mark.parametrize("path", ["/bin/sh", "/etc/passwd", "/bin", "/no/such/program"])
def test_programs_are_executable_files(path: str) -> None:
    """A folder can be executed too, and is no program."""
    assert Machine("/nowhere").program_exists(path) is (path == "/bin/sh")


def test_accounts() -> None:
    """Root is there on every system."""
    machine = Machine()

    assert machine.has_user("root")
    assert not machine.has_user("no such user")
    assert not machine.has_user("a\0b")
    assert not machine.has_group("no such group")
    assert machine.is_trusted(0)
    assert machine.is_trusted(os.geteuid())


def test_the_loopback_interface_has_its_address() -> None:
    """Every machine that runs this has one, under one of its two names."""
    names = [name for _, name in socket.if_nameindex() if name in {"lo", "lo0"}]

    assert all("127.0.0.1" in interface_addresses(name) for name in names)
    assert interface_addresses("no-such-interface") == ()


def test_all_interfaces_together_have_every_address() -> None:
    """IPv4 comes first, and nothing twice."""
    every = [address for _, name in socket.if_nameindex() for address in interface_addresses(name)]

    found = local_addresses()

    assert sorted(set(every)) == sorted(found)
    assert [":" in address for address in found] == sorted(":" in address for address in found)
