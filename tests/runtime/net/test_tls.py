"""The TLS layer between two memories: what is said, how it is cut, and how it ends."""

from __future__ import annotations

import itertools
import ssl
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.net.tls import TlsError, TlsLayer
from smtpdsl.runtime.net.tls_contexts import ListenerCertificates
from tests.runtime.net.tls_sides import Cut, Pair, singly, whole
from tests.tls_peers import Journal, TlsFolder, client_context

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """The context of a server for mx.example.org."""
    folder = TlsFolder(tmp_path_factory.mktemp("tls"))
    folder.pair("mail", "mx.example.org")
    return ListenerCertificates(folder.listener("mail"), str, Journal()).context()


def client(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A client that believes anybody, and speaks one version."""
    return client_context(versions=(version, version))


@pytest.fixture
def pair(server: ssl.SSLContext) -> Pair:
    """Two sides that have shaken hands."""
    return Pair(server, client()).talk()


# ---------------------------------------------------------------- saying something


@pytest.mark.parametrize("cut", [whole, singly])
@pytest.mark.parametrize("version", VERSIONS)
def test_what_one_side_says_the_other_hears(server: ssl.SSLContext, version: ssl.TLSVersion, cut: Cut) -> None:
    """Before the handshake is over nothing is heard, and then everything."""
    pair = Pair(server, client(version), cut=cut).talk()
    assert pair.server.is_established
    assert pair.client.is_established

    pair.client.send(b"EHLO client.test\r\n")
    pair.server.send(b"250 ")
    pair.server.send(b"mx.example.org\r\n")
    pair.talk()

    assert pair.heard == {pair.server: b"EHLO client.test\r\n", pair.client: b"250 mx.example.org\r\n"}
    assert not pair.errors


def test_more_than_a_record_is_heard_whole(pair: Pair) -> None:
    """A large content goes through in one piece, in both directions."""
    content = bytes(range(256)) * 4096
    pair.client.send(content)
    pair.server.send(content)
    pair.talk()

    assert pair.heard == {pair.server: content, pair.client: content}


def test_nothing_is_nothing(pair: Pair) -> None:
    """No plaintext makes no ciphertext, and none of that makes no plaintext."""
    pair.client.send(b"")

    assert pair.client.data_to_send() == b""
    assert pair.server.receive(b"") == b""


def test_ciphertext_is_handed_over_once(pair: Pair) -> None:
    """`data_to_send` forgets what it has returned."""
    pair.client.send(b"x")

    assert pair.client.data_to_send()
    assert pair.client.data_to_send() == b""


def test_words_may_come_with_the_end_of_the_handshake(server: ssl.SSLContext) -> None:
    """A client that says something at once is heard, in whatever packets it comes."""
    pair = Pair(server, client())
    pair.give(pair.server, pair.client.data_to_send())
    pair.give(pair.client, pair.server.data_to_send())
    pair.client.send(b"EHLO client.test\r\n")
    pair.talk()

    assert pair.heard[pair.server] == b"EHLO client.test\r\n"


@pytest.mark.parametrize("version", VERSIONS)
@given(data=st.data())
def test_chunk_boundaries_are_invisible(server: ssl.SSLContext, version: ssl.TLSVersion, data: st.DataObject) -> None:
    """What is heard does not depend on how TCP cut it."""
    sizes = data.draw(st.lists(st.sampled_from([1, 2, 5, 6, 100, 1400, 8192, 20_000]), min_size=1))
    lengths = itertools.cycle(sizes)

    def cut(octets: bytes) -> Iterator[bytes]:
        while octets:
            length = next(lengths)
            yield octets[:length]
            octets = octets[length:]

    pair = Pair(server, client(version), cut=cut).talk()
    said = data.draw(st.lists(st.binary(max_size=40) | st.integers(0, 40_000).map(bytes)))
    for each in said:
        pair.client.send(each)
    pair.client.close()
    pair.talk()

    assert pair.heard[pair.server] == b"".join(said)
    assert pair.server.has_ended
    assert not pair.errors


# ---------------------------------------------------------------- the end


@pytest.mark.parametrize("version", VERSIONS)
def test_an_announced_end_is_told_apart(server: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    """A peer that ends says so; a connection that is cut does not (RFC 8446 §6.1)."""
    ended, cut = Pair(server, client(version)).talk(), Pair(server, client(version)).talk()
    for pair in (ended, cut):
        pair.client.send(b"QUIT\r\n")
    ended.client.close()
    ended.talk()
    cut.talk()

    assert (ended.server.has_ended, cut.server.has_ended) == (True, False)
    ended.server.receive_eof()
    with pytest.raises(TlsError, match=r"^the connection ends without close_notify$"):
        cut.server.receive_eof()


def test_words_in_front_of_the_end_are_heard(pair: Pair) -> None:
    """One packet may have both."""
    pair.client.send(b"QUIT\r\n")
    pair.client.close()

    assert pair.server.receive(pair.client.data_to_send()) == b"QUIT\r\n"
    assert pair.server.has_ended


def test_nothing_is_heard_behind_the_end(pair: Pair) -> None:
    """What follows a close_notify is ignored (RFC 8446 §6.1)."""
    pair.client.close()
    pair.talk()

    assert pair.server.receive(b"more") == b""


def test_who_has_ended_still_listens(pair: Pair) -> None:
    """A reply may cross our end; it is heard, and nothing breaks."""
    pair.client.send(b"NOOP\r\n")
    pair.server.close()
    pair.server.close()
    pair.talk()

    assert pair.heard[pair.server] == b"NOOP\r\n"
    assert pair.client.has_ended
    assert not pair.errors


def test_a_broken_record_is_refused_with_an_alert(pair: Pair) -> None:
    """Whoever changes an octet on the way ends the connection; the other side learns why."""
    pair.client.send(b"DATA\r\n")
    octets = bytearray(pair.client.data_to_send())
    octets[-1] ^= 1
    pair.give(pair.server, bytes(octets))
    pair.talk()

    assert pair.server_error == "the connection breaks: decryption failed or bad record mac"
    assert pair.client_error == "the connection breaks: the peer says: bad record mac"


@pytest.mark.parametrize("cut", [whole, singly])
def test_words_in_front_of_a_broken_record_are_heard(pair: Pair, cut: Cut) -> None:
    """The failure is told by `failure` at once, and by the next call."""
    pair.client.send(b"first")
    first = pair.client.data_to_send()
    heard = b""
    with suppress(TlsError):
        for piece in cut(first + b"\x17\x03\x03\x00\x20" + bytes(32)):
            heard += pair.server.receive(piece)

    assert heard == b"first"
    assert pair.server.failure is not None
    with pytest.raises(TlsError, match="bad record mac"):
        pair.server.receive(b"x")
    with pytest.raises(TlsError, match="bad record mac"):
        pair.server.send(b"x")
    with pytest.raises(TlsError, match="bad record mac"):
        pair.server.receive_eof()


def test_nobody_renegotiates(server: ssl.SSLContext) -> None:
    """A client that asks for another handshake gets none (it costs us more than it)."""
    assert server.options & ssl.OP_NO_RENEGOTIATION
    assert server.options & ssl.OP_NO_COMPRESSION


class Cipherless:
    """What looks like a context; octets of its connections are plaintext if they are digits, and else nothing."""

    def __init__(self) -> None:
        """Have taken nothing."""
        self.taken = 0

    def wrap_bio(self, incoming: ssl.MemoryBIO, *_: object) -> Cipherless:
        """Begin a connection."""
        self.incoming = incoming
        return self

    def do_handshake(self) -> None:
        """Be content."""

    def read(self, _: int) -> bytes:
        """Return the digits of what has come."""
        octets = self.incoming.read()
        self.taken += len(octets)
        if not any(digit in octets for digit in b"0123456789"):
            raise ssl.SSLWantReadError
        return bytes(each for each in octets if each in b"0123456789")


def test_a_peer_that_says_nothing_at_length_is_refused() -> None:
    """Changes of keys, say: 256 KiB of them in a packet would keep everybody waiting."""
    context = Cipherless()
    layer = TlsLayer(cast("ssl.SSLContext", context))

    with pytest.raises(TlsError, match=r"^the connection breaks: it says nothing, at length$"):
        layer.receive(b"-" * 256 * 1024)
    assert context.taken <= 40 * 1024


@pytest.mark.parametrize("length", [22, 60, 16_000])
def test_a_peer_may_say_little_at_length(length: int) -> None:
    """A record may be padded to any length (RFC 8446 §5.4), and a word may come in single octets."""
    layer = TlsLayer(cast("ssl.SSLContext", Cipherless()))
    word = b"12345678901234567890" if length == 16_000 else b"1"
    for _ in range(3000):
        assert layer.receive(b"-" * length + word) == word


# ---------------------------------------------------------------- no handshake


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"EHLO client.test\r\n", "it does not speak TLS"),
        (b"QUIT\r\n", "it does not speak TLS"),
        (b"GET / HTTP/1.1\r\n\r\n", "it does not speak TLS"),
        (bytes(64), "it does not speak TLS"),
        (b"\xff" * 64, "it does not speak TLS"),
        (b"\x16\x03\x01\x00\x04\x01\x00\x00\x00" + bytes(40), "length too short"),
        (b"\x16\x03\x01\x00\x00" * 40, "record too small"),
        (b"\x16\x03\x01\xff\xff" + bytes(40), "packet length too long"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "unexpected message"),
        (b"\x15\x03\x01\x00\x02\x01\x00", "unexpected message"),
    ],
)
@pytest.mark.parametrize("cut", [whole, singly])
def test_what_is_no_handshake_is_refused(server: ssl.SSLContext, octets: bytes, problem: str, cut: Cut) -> None:
    """Garbage, plain SMTP on the port of smtps, and what only looks like TLS."""
    layer = TlsLayer(server)
    with suppress(TlsError):
        for piece in cut(octets):
            layer.receive(piece)

    assert str(layer.failure) == f"the handshake fails: {problem}"
    assert not layer.is_established


@given(octets=st.binary(min_size=1, max_size=200), is_tls=st.booleans())
def test_no_octets_do_more_than_fail(server: ssl.SSLContext, octets: bytes, is_tls: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever comes, the only exception is a `TlsError` of one printable line."""
    layer = TlsLayer(server)
    start = b"\x16\x03\x01" + len(octets).to_bytes(2, "big") if is_tls else b""
    with suppress(TlsError):
        layer.receive(start + octets)

    assert str(layer.failure).isprintable()
    assert not layer.is_established


@pytest.mark.parametrize("version", VERSIONS)
def test_a_handshake_may_be_cut_anywhere(server: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    """After each octet that the client can say, the end is an end and nothing else."""
    hello = TlsLayer(client(version), server_side=False).data_to_send()
    for length in range(len(hello)):
        layer = TlsLayer(server)
        layer.receive(hello[:length])
        assert layer.data_to_send() == b""
        with pytest.raises(TlsError, match=r"^the connection ends during the handshake$"):
            layer.receive_eof()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_end_of_a_handshake_may_be_cut_anywhere(server: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    """So it is after the first answer of the server."""
    place = 0
    while True:
        pair = Pair(server, client(version))
        pair.give(pair.server, pair.client.data_to_send())
        pair.give(pair.client, pair.server.data_to_send())
        answer = pair.client.data_to_send()
        if place == len(answer):
            break
        pair.server.receive(answer[:place])
        assert not pair.server.is_established
        with pytest.raises(TlsError, match=r"^the connection ends during the handshake$"):
            pair.server.receive_eof()
        place += 1
    assert place > 50


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_may_end_in_the_middle_of_a_handshake(server: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    """A close_notify is no end of what was said when nothing could be said."""
    layer = TlsLayer(server)
    layer.receive(TlsLayer(client(version), server_side=False).data_to_send())
    with pytest.raises(TlsError, match=r"^the handshake fails: "):
        layer.receive(b"\x15\x03\x03\x00\x02\x01\x00")

    assert not layer.has_ended


def test_a_client_may_give_up(server: ssl.SSLContext) -> None:
    """The alert of a client that does not believe us is told in its words."""
    pair = Pair(server, client_context(Path(ssl.get_default_verify_paths().openssl_cafile or "/dev/null"))).talk()

    assert pair.server_error == "the handshake fails: the peer says: unknown ca"
    assert "its certificate is not accepted" in pair.client_error


def test_a_server_name_beyond_ascii_is_refused_in_silence(
    server: ssl.SSLContext, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client cannot make Python print a traceback."""
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    hello = TlsLayer(client(), server_side=False, server_hostname="mx.example.org").data_to_send()
    layer = TlsLayer(server)

    with pytest.raises(TlsError, match=r"^the handshake fails: the server name it asks for is not ASCII$"):
        layer.receive(hello.replace(b"mx.example", b"mx.ex\xe4mpl\xff"))

    assert layer.data_to_send().startswith(b"\x15")
    assert capfd.readouterr().err == ""
    assert sys.unraisablehook is sys.__unraisablehook__


# ---------------------------------------------------------------- what has been agreed on


@pytest.mark.parametrize("version", VERSIONS)
def test_the_log_tells_the_cipher(server: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    """Version, cipher, bits; and the name that the client asked for."""
    facts = Pair(server, client(version)).talk().server.facts

    cipher = {
        ssl.TLSVersion.TLSv1_2: "TLSv1.2:ECDHE-ECDSA-AES256-GCM-SHA384:256",
        ssl.TLSVersion.TLSv1_3: "TLSv1.3:TLS_AES_256_GCM_SHA384:256",
    }[version]
    assert facts.ciphers == cipher
    assert facts.server_name == "mx.example.org"
    assert facts.certificate is None


def test_the_client_knows_as_much(pair: Pair) -> None:
    """The same layer is the side of a relay."""
    facts = pair.client.facts

    assert facts.ciphers == pair.server.facts.ciphers
    assert facts.server_name == "mx.example.org"
    assert facts.certificate is not None
    assert not facts.certificate.is_verified
    assert facts.certificate.names == ("mx.example.org", "mx.example.org")


@pytest.mark.parametrize("name", ["", ".example.org", "a..b", "x" * 64, "mx.example.org\0", "\u20ac." + "x" * 70])
def test_a_name_that_nobody_can_have_is_refused(name: str) -> None:
    """It comes from the DNS or a configuration, and is told in ASCII."""
    with pytest.raises(TlsError, match=r"^no host can be called '[ -~]*'$"):
        TlsLayer(client(), server_side=False, server_hostname=name)
