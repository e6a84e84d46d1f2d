"""Files of certificates that somebody else reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smtpdsl.runtime.net.tls_contexts import ListenerCertificates
from smtpdsl.runtime.net.tls_files import OWN_FILES, as_path
from smtpdsl.runtime.net.tls_settings import TlsSetupError
from tests.runtime.net.tls_sides import Pair
from tests.tls_peers import Clock, Journal, TlsFolder, client_context


class Vault:
    """Files that only somebody else can read; what was told last counts."""

    def __init__(self) -> None:
        """Have none."""
        self.files: dict[str, bytes] = {}

    def take(self, folder: Path) -> None:
        """Take the files of *folder* away, and keep what they hold."""
        for path in folder.iterdir():
            self.files[str(path)] = path.read_bytes()
            path.unlink()

    def state(self, path: str) -> object:
        """Return the octets themselves."""
        return self.files.get(path)

    def read(self, path: str) -> bytes:
        """Return the octets."""
        if path not in self.files:
            raise PermissionError(13, "Permission denied")
        return self.files[path]


def test_somebody_else_reads_the_files(tmp_path: Path) -> None:
    """At start and when they change; this process has no file at all."""
    folder, vault, clock, journal = TlsFolder(tmp_path), Vault(), Clock(), Journal()
    authority = folder.authority("ca")
    joe = folder.pair("joe", "joe", by=authority)
    client = client_context(certificate=joe)
    folder.pair("mail", "mx.example.org")
    listener = folder.listener("mail", options="smtps verify ca own", settings='ca own cert "FOLDER/ca.crt"\n')
    vault.take(tmp_path)
    tls = ListenerCertificates(listener, str, journal, files=vault, now=clock)
    first = Pair(tls.context(), client).talk()
    folder.pair("mail", "mx.example.org")
    vault.take(tmp_path)
    clock.time += 1
    second = Pair(tls.context(), client).talk()

    assert (first.errors, second.errors) == ({}, {})
    assert first.server.facts.bindings != second.server.facts.bindings
    assert journal.infos == ['pki "mail" is loaded anew']


def test_a_file_that_nobody_may_read_is_named(tmp_path: Path) -> None:
    """As one that is missing is."""
    folder, vault = TlsFolder(tmp_path), Vault()
    folder.pair("mail", "mx.example.org")
    vault.take(tmp_path)
    del vault.files[f"{tmp_path}/mail.key"]

    with pytest.raises(
        TlsSetupError, match=r'^cannot use the key ".*/mail\.key" \(smtpd\.conf:1\): permission denied$'
    ):
        ListenerCertificates(folder.listener("mail"), str, Journal(), files=vault)


@pytest.mark.parametrize("has_memory_files", [True, False])
def test_octets_have_a_path_for_a_moment(monkeypatch: pytest.MonkeyPatch, has_memory_files: bool) -> None:  # noqa: FBT001 - a column
    """In memory where the system can do that; nothing of it is left."""
    if not has_memory_files:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    with as_path(b"octets") as path:
        assert Path(path).read_bytes() == b"octets"
        assert Path(path).read_bytes() == b"octets"
        assert Path(path).is_symlink() is (has_memory_files and hasattr(os, "memfd_create"))

    assert not Path(path).exists()


def test_a_file_that_is_not_there_has_no_state(tmp_path: Path) -> None:
    """It has one when it comes, and another when it is another."""
    path = tmp_path / "file"
    states = [OWN_FILES.state(str(path))]
    for content in ("one", "other"):
        path.write_text(content)
        states.append(OWN_FILES.state(str(path)))

    assert states[0] is None
    assert len(set(states)) == 3
