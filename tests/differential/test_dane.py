"""Certificates and TLSA records, judged by us and by the DANE of OpenSSL, which is that of Postfix."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from smtpdsl.runtime.net.dane import dane_problem
from smtpdsl.runtime.net.tlsa import Tlsa
from tests.conftest import RequirePeer
from tests.peers import Peer
from tests.tls_peers import Files, TlsFolder

NAME = "mx.test"
SHOWN = ("all", "without the root", "only its own", "expired", "another name", "somebody else's")
DIGESTS = {1: hashlib.sha256, 2: hashlib.sha512}


class Pki:
    """An authority, one below it, and servers of every kind."""

    def __init__(self, folder: Path) -> None:
        """Make certificates."""
        files = TlsFolder(folder)
        self.root = files.authority("root")
        self.issuer = files.pair("issuer", "issuer", by=self.root, is_authority=True)
        self.own = files.pair("own", NAME, by=self.issuer)
        old = files.pair("old", NAME, by=self.issuer, starts=-9, days=2)
        other = files.pair("other", "other.test", by=self.issuer)
        alone = files.pair("alone", NAME)
        self.shown = {
            "all": (self.own, self.issuer, self.root),
            "without the root": (self.own, self.issuer),
            "only its own": (self.own,),
            "expired": (old, self.issuer, self.root),
            "another name": (other, self.issuer, self.root),
            "somebody else's": (alone, self.issuer, self.root),
        }

    def records(self) -> Iterator[Sequence[Tlsa]]:
        """Yield sets of records: each kind, and some together."""
        parts = list(product((2, 3), (0, 1), (0, 1, 2), (self.root, self.issuer, self.own)))
        yield from ([_record(*each)] for each in parts)
        wrong = Tlsa(3, 1, 2, b"\0" * 64)
        yield [_record(3, 1, 1, self.own), wrong]
        yield [_record(3, 1, 0, self.own), wrong]
        yield [_record(3, 0, 1, self.own), wrong]
        yield [_record(2, 0, 1, self.root), wrong]
        yield [_record(3, 1, 2, self.own), _record(2, 0, 1, self.root)]


def _record(usage: int, selector: int, matching: int, files: Files) -> Tlsa:
    part = files.certificate.public_bytes(Encoding.DER)
    if selector:
        part = files.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Tlsa(usage, selector, matching, DIGESTS[matching](part).digest() if matching else part)


async def _openssl_takes(openssl: Peer, port: int, records: Sequence[Tlsa]) -> bool:
    """Whether OpenSSL goes on after the handshake."""
    options = ["-brief", "-no-CAfile", "-no-CApath", "-no-CAstore", "-verify_return_error"]
    options += ["-dane_ee_no_namechecks", "-dane_tlsa_domain", NAME]
    for record in records:
        options += ["-dane_tlsa_rrdata", str(record)]
    process = await asyncio.create_subprocess_exec(
        openssl.program,
        *("s_client", "-connect", f"127.0.0.1:{port}", *options),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=openssl.environment,
    )
    said, _ = await process.communicate()
    return b"Verification: OK" in said


@pytest.mark.parametrize("which", SHOWN)
def test_we_take_what_openssl_takes(which: str, tmp_path: Path, require_peer: RequirePeer) -> None:
    """And nothing else."""
    openssl, pki = require_peer("openssl"), Pki(tmp_path)
    shown = pki.shown[which]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "chain.pem").write_bytes(b"".join(each.cert.read_bytes() for each in shown))
    context.load_cert_chain(tmp_path / "chain.pem", shown[0].key)
    chain = [each.certificate.public_bytes(Encoding.DER) for each in shown]

    async def welcome(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # By now the client has judged; it does not answer to a polite end.
        writer.transport.abort()

    async def run() -> None:
        async with await asyncio.start_server(welcome, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            for records in pki.records():
                ours = dane_problem(records, chain, [NAME], datetime.now(UTC))
                theirs = await _openssl_takes(openssl, port, records)
                assert (ours == "") == theirs, (ours, list(map(str, records)))

    asyncio.run(run())
