"""The TLS layer over real sockets, with clients of others: OpenSSL's own, Python's, and bad ones."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from smtpdsl.runtime.net.tls import TlsLayer
from smtpdsl.runtime.net.tls_contexts import ListenerCertificates
from tests.conftest import RequirePeer
from tests.peers import Peer
from tests.runtime.net.tls_server import TlsServer, serving
from tests.tls_peers import Files, Journal, TlsFolder, client_context

V1_0, V1_1, V1_2, V1_3 = list(ssl.TLSVersion)[2:6]
PATIENCE_SECONDS = 20


class Site:
    """A folder of certificates, and listeners that use them."""

    def __init__(self, path: Path) -> None:
        """Make an authority, a certificate of it, and one of nobody."""
        self.folder = TlsFolder(path)
        self.authority = self.folder.authority("ca")
        self.folder.pair("mail", "mx.example.org", by=self.authority)
        self.folder.pair("rsa", "rsa.example.org", kind="rsa", by=self.authority)
        self.folder.pair("ed25519", "ed25519.example.org", kind="ed25519", by=self.authority)

    def client_files(self, name: str) -> Files:
        """Make the certificate of a client."""
        match name:
            case "good":
                return self.folder.pair("good", "joe", by=self.authority)
            case "expired":
                return self.folder.pair("expired", "joe", by=self.authority, starts=-9, days=8)
        return self.folder.pair("stranger", "joe")

    @asynccontextmanager
    async def serving(self, options: str = "tls", *, is_immediate: bool = True) -> AsyncIterator[TlsServer]:
        """Serve by the *options* of a listener, with all three certificates."""
        settings = f'ca own cert "{self.authority.cert}"\n'
        listener = self.folder.listener("mail", "rsa", "ed25519", options=options, settings=settings)
        tls = ListenerCertificates(listener, str, Journal())
        async with serving(tls.context, is_immediate=is_immediate) as server:
            yield server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """One for all tests here."""
    return Site(tmp_path_factory.mktemp("site"))


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run *test*, which must not hang."""
    asyncio.run(asyncio.wait_for(test, PATIENCE_SECONDS))


# ---------------------------------------------------------------- Python's client


async def talk(server: TlsServer, client: ssl.SSLContext, name: str = "mx.example.org") -> ssl.SSLObject:
    """Connect, secure the connection as the server wants it, and hear an echo; return what was agreed on."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1",
        server.port,
        ssl=client if server.is_immediate else None,
        server_hostname=name if server.is_immediate else None,
    )
    try:
        assert await reader.readline() == b"220 hello\r\n"
        if not server.is_immediate:
            writer.write(b"starttls\r\n")
            assert await reader.readline() == b"220 go\r\n"
            await writer.start_tls(client, server_hostname=name)
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        words = b"some words " * 5000
        writer.write(words + b"\r\n")
        assert await reader.readline() == words.strip().upper() + b"\r\n"
        writer.write(b"quit\r\n")
        assert await reader.read() == b"QUIT\r\n"
    finally:
        writer.close()
        await writer.wait_closed()
    return tls


@pytest.mark.parametrize("is_immediate", [True, False])
@pytest.mark.parametrize("version", [V1_2, V1_3])
@pytest.mark.parametrize("name", ["mx", "rsa", "ed25519"])
def test_pythons_client_talks(site: Site, name: str, version: ssl.TLSVersion, is_immediate: bool) -> None:  # noqa: FBT001 - a column
    """From the start and after STARTTLS; the certificate is that of the name it asks for."""

    async def test() -> None:
        async with site.serving(is_immediate=is_immediate) as server:
            client = client_context(site.authority.cert, versions=(version, version))
            tls = await talk(server, client, f"{name}.example.org")
            connection = await server.next_over()

        certificate = tls.getpeercert()
        assert certificate is not None
        assert certificate["subjectAltName"] == (("DNS", f"{name}.example.org"),)
        assert connection.facts is not None
        assert connection.facts.server_name == f"{name}.example.org"
        assert (connection.facts.cipher, connection.facts.version, connection.facts.bits) == tls.cipher()
        assert connection.error == ""

    run(test())


@pytest.mark.parametrize("version", [V1_0, V1_1])
def test_old_versions_are_refused(site: Site, version: ssl.TLSVersion) -> None:
    """The client learns it from an alert."""

    async def test() -> None:
        async with site.serving() as server:
            client = client_context(versions=(version, version), ciphers="ALL:@SECLEVEL=0")
            with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
                await talk(server, client)
            connection = await server.next_over()

        assert connection.error == "the handshake fails: we have no TLS version in common"

    run(test())


@pytest.mark.parametrize("is_immediate", [True, False])
@pytest.mark.parametrize("version", [V1_2, V1_3])
@pytest.mark.parametrize(
    ("who", "problem"),
    [
        ("good", ""),
        ("expired", "its certificate is not accepted: certificate has expired"),
        ("stranger", "its certificate is not accepted: self-signed certificate"),
        ("nobody", "it shows no certificate"),
    ],
)
def test_clients_prove_who_they_are(
    site: Site,
    who: str,
    problem: str,
    version: ssl.TLSVersion,
    is_immediate: bool,  # noqa: FBT001 - a column
) -> None:
    """A client that does not gets an alert, and nothing else from us."""

    async def test() -> None:
        certificate = None if who == "nobody" else site.client_files(who)
        client = client_context(site.authority.cert, certificate=certificate, versions=(version, version))
        options = "smtps verify ca own" if is_immediate else "tls-require verify ca own"
        async with site.serving(options, is_immediate=is_immediate) as server:
            if problem:
                with pytest.raises(ssl.SSLError, match="ALERT"):
                    await talk(server, client)
            else:
                await talk(server, client)
            connection = await server.next_over()

        assert connection.error == (f"the handshake fails: {problem}" if problem else "")
        assert (connection.facts is None) is bool(problem)

    run(test())


# ---------------------------------------------------------------- OpenSSL's client


class OpenSsl:
    """The program of the library."""

    def __init__(self, peer: Peer) -> None:
        """Run *peer*."""
        self._peer = peer

    async def connect(self, server: TlsServer, *options: str | Path, says: bytes = b"quit\r\n") -> str:
        """Run it as a client that says something, and return what it prints."""
        command = (self._peer.program, "s_client", "-connect", f"127.0.0.1:{server.port}", *options)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, env=self._peer.environment, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )
        printed, _ = await process.communicate(says)
        return printed.decode(errors="replace")


@pytest.fixture
def openssl(require_peer: RequirePeer) -> OpenSsl:
    """The client of OpenSSL itself."""
    return OpenSsl(require_peer("openssl"))


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_talks(openssl: OpenSsl, site: Site, version: str) -> None:
    """It verifies the certificate, and hears an echo."""

    async def test() -> None:
        async with site.serving() as server:
            printed = await openssl.connect(
                server, version, "-ign_eof", "-servername", "rsa.example.org", "-CAfile", site.authority.cert,
                "-verify_hostname", "rsa.example.org", "-verify_return_error", says=b"some words\r\nquit\r\n",
            )  # fmt: skip
            connection = await server.next_over()

        assert "Verify return code: 0 (ok)" in printed
        assert "SOME WORDS" in printed
        assert "Secure Renegotiation IS" in printed
        assert "Compression: NONE" in printed
        assert connection.error == ""

    run(test())


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_resumes_its_session(openssl: OpenSsl, site: Site, tmp_path: Path, version: str) -> None:
    """With the ticket of its first connection the second spares the signature; early data is never offered."""

    async def test() -> None:
        session = tmp_path / "session"
        async with site.serving() as server:
            first = await openssl.connect(server, version, "-ign_eof", "-sess_out", session)
            second = await openssl.connect(server, version, "-ign_eof", "-sess_in", session)

        assert ("New, TLSv" in first, "Reused, TLSv" in second) == (True, True)
        assert "Early data was not sent" in second or version == "-tls1_2"
        assert "Max Early Data: 0" in second or version == "-tls1_2"

    run(test())


def test_openssl_reconnects(openssl: OpenSsl, site: Site) -> None:
    """Five times, each with the session of the first."""

    async def test() -> None:
        async with site.serving() as server:
            printed = await openssl.connect(server, "-tls1_2", "-reconnect", "-ign_eof")

        assert printed.count("Reused, TLSv1.2") == 5

    run(test())


def test_openssl_may_not_renegotiate(openssl: OpenSsl, site: Site) -> None:
    """Its request ends in an alert; the connection is over."""

    async def test() -> None:
        async with site.serving() as server:
            printed = await openssl.connect(server, "-tls1_2", says=b"R\nsome words\r\n")
            connection = await server.next_over()

        assert "RENEGOTIATING" in printed
        assert "no renegotiation" in printed
        assert connection.facts is not None

    run(test())


def test_openssl_may_change_its_keys(openssl: OpenSsl, site: Site) -> None:
    """A key update of TLS 1.3 is answered, and words go on."""

    async def test() -> None:
        async with site.serving() as server:
            printed = await openssl.connect(server, "-tls1_3", says=b"K\nk\nK\nsome words\nquit\n")
            connection = await server.next_over()

        assert "KEYUPDATE" in printed
        assert connection.error == ""

    run(test())


@pytest.mark.parametrize(
    ("kind", "dhe", "bits"), [("rsa", "auto", 2048), ("rsa3072", "auto", 3072), ("rsa3072", "legacy", 2048)]
)
def test_finite_fields_are_as_strong_as_the_key(
    openssl: OpenSsl, tmp_path: Path, kind: str, dhe: str, bits: int
) -> None:
    """`dhe auto` follows the key; what libtls calls legacy would be no protection."""
    folder = TlsFolder(tmp_path)
    folder.pair("mail", "mx.example.org", kind=kind)
    tls = ListenerCertificates(folder.listener("mail", settings=f"pki mail dhe {dhe}\n"), str, Journal())

    async def test() -> None:
        async with serving(tls.context) as server:
            printed = await openssl.connect(server, "-tls1_2", "-cipher", "DHE-RSA-AES256-GCM-SHA384", "-ign_eof")

        assert f"Server Temp Key: DH, {bits} bits" in printed

    run(test())


# ---------------------------------------------------------------- bad clients


def hello_of_a_client() -> bytes:
    """Return the first flight of a handshake."""
    return TlsLayer(client_context(), server_side=False).data_to_send()


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"EHLO client.test\r\n", "it does not speak TLS"),
        (b"\x80\x2e\x01\x00\x02" + bytes(80), "it does not speak TLS"),
        (bytes(range(256)) * 300, "it does not speak TLS"),
        (b"\x16\x03\x01\x00\x05rubbish" * 9, "unexpected message"),
    ],
)
def test_who_does_not_speak_tls_is_told_to_go(site: Site, octets: bytes, problem: str) -> None:
    """Plain SMTP on the port of smtps, and garbage."""

    async def test() -> None:
        async with site.serving() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(octets)
            try:
                heard = await reader.read()
            except ConnectionResetError:
                heard = b""
            writer.close()
            connection = await server.next_over()

        assert connection.error == f"the handshake fails: {problem}"
        # An alert, or nothing; never a word of SMTP.
        assert heard[:1] in {b"\x15", b""}

    run(test())


def test_a_client_may_hear_nothing_more(site: Site) -> None:
    """Half of a handshake, and its side is closed: the connection ends, and says why."""

    async def test() -> None:
        async with site.serving() as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(hello_of_a_client())
            writer.write_eof()
            await reader.read()
            writer.close()
            connection = await server.next_over()

        assert connection.error == "the connection ends during the handshake"

    run(test())


@pytest.mark.parametrize("length", [0, 1, 5, 100, -1])
def test_a_client_may_vanish_during_the_handshake(site: Site, length: int) -> None:
    """A reset in the middle of it leaves nothing behind, and the next client is served."""

    async def test() -> None:
        async with site.serving() as server:
            client = socket.create_connection(("127.0.0.1", server.port))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(hello_of_a_client()[:length])
            client.close()
            gone = await server.next_over()
            await talk(server, client_context())
            served = await server.next_over()

        assert gone.facts is None
        assert gone.error in {"reset", "the connection ends during the handshake"}
        assert served.error == ""

    run(test())


def test_every_prefix_of_a_handshake_ends_well(site: Site) -> None:
    """A client that stops after any of its octets is told from one that ends."""

    async def test() -> None:
        hello = hello_of_a_client()
        async with site.serving() as server:
            for length in range(0, len(hello), 3):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(hello[:length])
                writer.write_eof()
                assert await reader.read() == b""
                writer.close()
                connection = await server.next_over()
                assert connection.error == "the connection ends during the handshake"

    run(test())


def test_words_before_the_handshake_are_dropped(site: Site) -> None:
    """What comes with STARTTLS in the clear is never answered (RFC 3207 §6)."""

    async def test() -> None:
        async with site.serving(is_immediate=False) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            await reader.readline()
            writer.write(b"starttls\r\ninjected\r\n")
            assert await reader.readline() == b"220 go\r\n"
            await writer.start_tls(client_context(), server_hostname="mx.example.org")
            writer.write(b"quit\r\n")
            assert await reader.read() == b"QUIT\r\n"
            writer.close()
            await writer.wait_closed()

    run(test())


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (lambda writer: writer.close(), ""),
        (lambda writer: writer.transport.abort(), "the connection ends without close_notify"),
    ],
)
def test_an_end_is_told_from_a_cut(site: Site, act: Callable[[asyncio.StreamWriter], None], problem: str) -> None:
    """A client of asyncio says that it ends, unless it aborts."""

    async def test() -> None:
        async with site.serving() as server:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", server.port, ssl=client_context(), server_hostname="mx.example.org"
            )
            await reader.readline()
            act(writer)
            connection = await server.next_over()

        assert connection.error == problem
        assert connection.has_ended is not bool(problem)

    run(test())
