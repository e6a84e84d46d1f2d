"""The certificates of a listener: loaded, chosen, demanded of clients, and loaded anew."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from smtpdsl.ir.resolved import Listener
from smtpdsl.runtime.net.tls_contexts import ListenerCertificates
from smtpdsl.runtime.net.tls_facts import TlsFacts
from smtpdsl.runtime.net.tls_settings import TlsSetupError
from tests.runtime.net.tls_sides import Pair
from tests.tls_peers import KEYS, Clock, Journal, TlsFolder, client_context, replace_file

V1_0, V1_1, V1_2, V1_3 = list(ssl.TLSVersion)[2:6]


@pytest.fixture
def folder(tmp_path: Path) -> TlsFolder:
    """A folder with the certificate of mx.example.org."""
    folder = TlsFolder(tmp_path)
    folder.pair("mail", "mx.example.org")
    return folder


def serve(listener: Listener, *, wants_certificates: bool = False) -> ssl.SSLContext:
    """Return the context of *listener*."""
    return ListenerCertificates(listener, str, Journal(), wants_certificates=wants_certificates).context()


def agreed(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = "mx.example.org") -> TlsFacts:
    """Shake hands, and return what the server knows then."""
    pair = Pair(server, client, name).talk()
    assert not pair.errors
    return pair.server.facts


def shown(server: ssl.SSLContext, name: str | None = "mx.example.org") -> str:
    """Return the first name of the certificate that a client is shown who asks for *name*."""
    certificate = Pair(server, client_context(), name).talk().client.facts.certificate
    assert certificate is not None
    return certificate.names[0]


# ---------------------------------------------------------------- keys, versions, ciphers


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_every_kind_of_key_serves(folder: TlsFolder, kind: str, version: ssl.TLSVersion) -> None:
    """ECDSA, RSA and Ed25519, verified by a client that believes the authority."""
    authority = folder.authority("ca")
    folder.pair("mail", "mx.example.org", kind=kind, by=authority)
    facts = agreed(serve(folder.listener("mail")), client_context(authority.cert, versions=(version, version)))

    assert facts.version == version.name.replace("_", ".")


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_a_channel_is_bound_to_the_certificate(folder: TlsFolder, kind: str) -> None:
    """RFC 5929 §4.1: the hash of the certificate as it was sent."""
    folder.pair("other", "other.example.org", kind=kind)
    server = serve(folder.listener("mail", "other"))
    pair = Pair(server, client_context(), "other.example.org").talk()
    sent = folder.folder.joinpath("other.crt").read_text()

    assert pair.server.facts.bindings == {
        "tls-server-end-point": hashlib.sha256(ssl.PEM_cert_to_DER_cert(sent)).digest()
    }


def test_a_channel_has_no_binding_to_ed25519(folder: TlsFolder) -> None:
    """RFC 5929 §4.1 defines none where the signature has no hash of its own."""
    folder.pair("mail", "mx.example.org", kind="ed25519")

    assert agreed(serve(folder.listener("mail")), client_context()).bindings == {}


@pytest.mark.parametrize(
    ("options", "served"),
    [
        ("tls", "1.2 1.3"),
        ('tls protocols "secure"', "1.2 1.3"),
        ('tls protocols "tlsv1.3"', "1.3"),
        ('tls protocols "tlsv1.2"', "1.2"),
        ('tls protocols "all,!tlsv1.3" ciphers "all"', "1.0 1.1 1.2"),
        ('tls protocols "tlsv1.1:tlsv1.3" ciphers "compat"', "1.1 1.3"),
        ('tls protocols "tlsv1.0,tlsv1.2" ciphers "legacy"', "1.0 1.2"),
    ],
)
def test_protocols_are_honoured(folder: TlsFolder, options: str, served: str) -> None:
    """TLS 1.2 and later, unless the listener says otherwise."""
    folder.pair("mail", "mx.example.org", kind="rsa")
    server = serve(folder.listener("mail", options=options))
    found = []
    for version in (V1_0, V1_1, V1_2, V1_3):
        pair = Pair(server, client_context(versions=(version, version), ciphers="ALL:@SECLEVEL=0")).talk()
        if pair.server.is_established:
            found.append(version.name.removeprefix("TLSv").replace("_", ".") if version != V1_0 else "1.0")
        else:
            assert "version" in pair.server_error
            assert "version" in pair.client_error

    assert " ".join(found) == served


@pytest.mark.parametrize(
    ("options", "settings", "offered", "is_taken"),
    [
        ("tls", "", "ECDHE-ECDSA-AES128-GCM-SHA256", True),
        ("tls", "", "ECDHE-ECDSA-AES128-SHA256", False),
        ("tls", "", "ECDHE-ECDSA-AES256-SHA", False),
        ('tls ciphers "compat"', "", "ECDHE-ECDSA-AES256-SHA", True),
        ('tls ciphers "ECDHE-ECDSA-AES256-SHA"', "", "ECDHE-ECDSA-AES128-GCM-SHA256", False),
        ("tls", 'smtp ciphers "ECDHE-ECDSA-AES256-SHA"\n', "ECDHE-ECDSA-AES256-SHA", True),
        ('tls ciphers "Secure"', 'smtp ciphers "ECDHE-ECDSA-AES256-SHA"\n', "ECDHE-ECDSA-AES256-SHA", False),
    ],
)
def test_ciphers_are_honoured(folder: TlsFolder, options: str, settings: str, offered: str, is_taken: bool) -> None:  # noqa: FBT001 - a column
    """Those of the listener, else of `smtp ciphers`, else what libtls calls secure."""
    server = serve(folder.listener("mail", options=options, settings=settings))
    pair = Pair(server, client_context(versions=(V1_2, V1_2), ciphers=offered)).talk()

    assert pair.server.is_established is is_taken
    if not is_taken:
        assert pair.server_error == "the handshake fails: we have no cipher in common"
        assert pair.client_error == "the handshake fails: the peer says: handshake failure"


@pytest.mark.parametrize(
    ("dhe", "is_taken"), [("", False), (" dhe none", False), (" dhe auto", True), (" dhe legacy", True)]
)
def test_finite_fields_are_used_when_asked_for(folder: TlsFolder, dhe: str, is_taken: bool) -> None:  # noqa: FBT001 - a column
    """`dhe` of the first certificate, for a client that knows no curves."""
    folder.pair("mail", "mx.example.org", kind="rsa")
    server = serve(folder.listener("mail", settings=f"pki mail{dhe}\n" if dhe else ""))
    client = client_context(versions=(V1_2, V1_2), ciphers="DHE-RSA-AES256-GCM-SHA384")
    pair = Pair(server, client).talk()

    assert pair.server.is_established is is_taken


def test_the_first_certificate_decides_about_finite_fields(folder: TlsFolder) -> None:
    """Whichever a client asks for."""
    folder.pair("mail", "mx.example.org", kind="rsa")
    folder.pair("two", "two.example.org", kind="rsa")
    server = serve(folder.listener("mail", "two", settings="pki mail dhe auto\n"))
    client = client_context(versions=(V1_2, V1_2), ciphers="DHE-RSA-AES256-GCM-SHA384")

    assert agreed(server, client, "two.example.org").cipher.startswith("DHE-")


# ---------------------------------------------------------------- names


def test_a_client_gets_the_certificate_that_it_asks_for(folder: TlsFolder) -> None:
    """By the names inside, by a star, by the name of the `pki`; who asks for nobody gets the first."""
    folder.pair("two", "imap.example.net", "*.example.net")
    folder.pair("pki.example.com", "three.example.com")
    server = serve(folder.listener("mail", "two", "pki.example.com"))
    asked = ("mx.example.org", "IMAP.example.net", "www.example.net", "pki.example.com", "unknown.test", None)

    assert [shown(server, name) for name in asked] == [
        "mx.example.org",
        "imap.example.net",
        "imap.example.net",
        "three.example.com",
        "mx.example.org",
        "mx.example.org",
    ]


def test_whom_a_client_asks_for_is_known(folder: TlsFolder) -> None:
    """The name as it was sent, or that there was none."""
    server = serve(folder.listener("mail"))

    assert agreed(server, client_context(), "Unknown.test").server_name == "Unknown.test"
    assert agreed(server, client_context(), None).server_name is None


# ---------------------------------------------------------------- clients that prove who they are


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_a_client_proves_who_it_is(folder: TlsFolder, version: ssl.TLSVersion) -> None:
    """What its certificate says is known, and told in the log."""
    authority = folder.authority("ca")
    joe = folder.pair("joe", "joe", by=authority, emails=("joe@example.org",))
    listener = folder.listener("mail", options="smtps verify ca own", settings='ca own cert "FOLDER/ca.crt"\n')
    facts = agreed(serve(listener), client_context(certificate=joe, versions=(version, version)))

    assert facts.certificate is not None
    assert facts.certificate.is_verified
    assert facts.certificate.result == "verified"
    assert facts.certificate.emails == ("joe@example.org",)
    assert facts.certificate.common_name == "joe"
    der = joe.certificate.public_bytes(serialization.Encoding.DER)
    assert facts.certificate.fingerprint == f"SHA256:{hashlib.sha256(der).hexdigest()}"


@pytest.mark.parametrize("version", [V1_2, V1_3])
@pytest.mark.parametrize(
    ("who", "problem", "alert"),
    [
        ("nobody", "it shows no certificate", "certificate required"),
        ("stranger", "its certificate is not accepted: unable to get local issuer certificate", "unknown ca"),
        ("himself", "its certificate is not accepted: self-signed certificate", "unknown ca"),
        ("late", "its certificate is not accepted: certificate has expired", "certificate expired"),
        ("early", "its certificate is not accepted: certificate is not yet valid", "bad certificate"),
    ],
)
def test_a_client_that_proves_nothing_is_refused(
    folder: TlsFolder, who: str, problem: str, alert: str, version: ssl.TLSVersion
) -> None:
    """The handshake ends with an alert that says why."""
    ours, other = folder.authority("ca"), folder.authority("other")
    certificates = {
        "nobody": None,
        "stranger": folder.pair("joe", "joe", by=other),
        "himself": folder.pair("himself", "joe"),
        "late": folder.pair("late", "joe", by=ours, starts=-9, days=8),
        "early": folder.pair("early", "joe", by=ours, starts=8),
    }
    listener = folder.listener("mail", options="tls-require verify ca own", settings='ca own cert "FOLDER/ca.crt"\n')
    pair = Pair(serve(listener), client_context(certificate=certificates[who], versions=(version, version))).talk()

    assert pair.server_error == f"the handshake fails: {problem}"
    if version is V1_2 and who == "nobody":
        # There was no word for it then (RFC 5246 §7.4.6).
        alert = "handshake failure"
    assert pair.client_error.endswith(f"the peer says: {alert}")


def test_what_is_no_certificate_is_refused(folder: TlsFolder) -> None:
    """The reason is OpenSSL's, without what Python puts around it."""
    joe = folder.pair("joe", "joe", by=folder.authority("ca"))
    listener = folder.listener("mail", options="smtps verify ca own", settings='ca own cert "FOLDER/ca.crt"\n')
    pair = Pair(serve(listener), client_context(certificate=joe, versions=(V1_2, V1_2)))
    pair.give(pair.server, pair.client.data_to_send())
    pair.give(pair.client, pair.server.data_to_send())
    shown_octets = joe.certificate.public_bytes(serialization.Encoding.DER)
    answer = pair.client.data_to_send()
    assert shown_octets in answer
    pair.give(pair.server, answer.replace(shown_octets, b"\x31" + shown_octets[1:]))

    assert pair.server_error == "the handshake fails: asn1 lib"


def test_a_certificate_may_be_asked_for_and_not_demanded(folder: TlsFolder) -> None:
    """For EXTERNAL a client may show one; who shows a bad one is refused, who shows none is not."""
    authority = folder.authority("ca")
    joe, himself = folder.pair("joe", "joe", by=authority), folder.pair("himself", "joe")
    listener = folder.listener("mail", options="tls ca own", settings='ca own cert "FOLDER/ca.crt"\n')
    server = serve(listener, wants_certificates=True)

    known = agreed(server, client_context(certificate=joe)).certificate
    assert known is not None
    assert known.is_verified
    assert agreed(server, client_context()).certificate is None
    assert "self-signed certificate" in Pair(server, client_context(certificate=himself)).talk().server_error


def test_the_system_names_authorities_where_nobody_else_does(
    folder: TlsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `ca` those of the TLS library are believed."""
    joe = folder.pair("joe", "joe", by=folder.authority("ca"))
    listener = folder.listener("mail", options="smtps verify")
    assert "issuer" in Pair(serve(listener), client_context(certificate=joe)).talk().server_error
    monkeypatch.setenv("SSL_CERT_FILE", f"{folder.folder}/ca.crt")

    assert agreed(serve(listener), client_context(certificate=joe)).certificate is not None


def test_nobody_is_asked_for_a_certificate_by_default(folder: TlsFolder) -> None:
    """A client that has one keeps it."""
    joe = folder.pair("joe", "joe")

    assert agreed(serve(folder.listener("mail")), client_context(certificate=joe)).certificate is None


# ---------------------------------------------------------------- sessions that are taken up again


@pytest.mark.parametrize("version", [V1_2, V1_3])
def test_a_session_is_resumed(folder: TlsFolder, version: ssl.TLSVersion) -> None:
    """A client that comes back with its ticket is spared the signature, and is known as before."""
    authority = folder.authority("ca")
    joe = folder.pair("joe", "joe", by=authority)
    listener = folder.listener("mail", options="smtps verify ca own", settings='ca own cert "FOLDER/ca.crt"\n')
    server = serve(listener)
    client = client_context(certificate=joe, versions=(version, version))
    first = Pair(server, client).talk()
    first.server.send(b"220 hello\r\n")
    first.talk()
    again = Pair(server, client, session=first.client.session).talk()

    assert (first.server.is_resumed, again.server.is_resumed) == (False, True)
    assert again.client.is_resumed
    assert again.server.facts.certificate is not None
    assert again.server.facts.certificate.names == ("joe", "joe")


# ---------------------------------------------------------------- what cannot be served


def refusal(listener: Listener) -> str:
    """Fail to serve *listener*, and return why."""
    with pytest.raises(TlsSetupError) as refused:
        serve(listener)
    return str(refused.value)


def test_a_file_that_is_missing_is_named(folder: TlsFolder) -> None:
    """The sentence has the file and the line."""
    listener = folder.listener("mail")
    folder.folder.joinpath("mail.key").unlink()
    assert refusal(listener) == (
        f'cannot use the key "{folder.folder}/mail.key" (smtpd.conf:1): no such file or directory'
    )
    folder.folder.joinpath("mail.crt").unlink()
    assert refusal(listener) == (
        f'cannot use the certificate "{folder.folder}/mail.crt" (smtpd.conf:1): no such file or directory'
    )


ENCRYPTED = serialization.BestAvailableEncryption(b"secret")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("mail.crt", b"rubbish", "it holds no certificate"),
        ("mail.crt", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "its certificate is damaged"),
        ("mail.key", b"rubbish", "it holds no private key that can be read"),
        ("mail.key", None, "it does not belong to the certificate"),
        ("mail.key", ENCRYPTED, "it is encrypted, and nobody is asked for its passphrase"),
        ("ca.crt", b"rubbish", "it holds no certificate that can be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    folder: TlsFolder, name: str, content: bytes | serialization.KeySerializationEncryption | None, problem: str
) -> None:
    """Each with its own reason; nobody is asked for anything."""
    folder.authority("ca")
    listener = folder.listener("mail", options="smtps verify ca own", settings='ca own cert "FOLDER/ca.crt"\n')
    if not isinstance(content, bytes):
        private = KEYS["ecdsa"]()
        encryption = content or serialization.NoEncryption()
        content = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    folder.folder.joinpath(name).write_bytes(content)
    what = {"mail.crt": "certificate", "mail.key": "key", "ca.crt": "authority"}[name]
    line = 2 if name == "ca.crt" else 1

    assert refusal(listener) == f'cannot use the {what} "{folder.folder}/{name}" (smtpd.conf:{line}): {problem}'


def test_ciphers_that_nobody_knows_are_named(folder: TlsFolder) -> None:
    """The compiler says so too; the library of another machine may know fewer."""
    listener = folder.listener("mail", options='tls ciphers "NO-SUCH"')

    assert refusal(listener) == ('cannot use the ciphers "NO-SUCH" (smtpd.conf:2): the TLS library knows none of them')


# ---------------------------------------------------------------- files that change


class Renewing:
    """A server whose files change, and its clock."""

    def __init__(self, folder: TlsFolder, *names: str) -> None:
        """Serve the pairs called *names*."""
        self.clock, self.journal = Clock(), Journal()
        self.tls = ListenerCertificates(folder.listener(*names), str, self.journal, now=self.clock)

    def later(self, seconds: float = 1.0, name: str = "mx.example.org") -> str:
        """Let time pass, and return the first name of what is served then to who asks for *name*."""
        self.clock.time += seconds
        return shown(self.tls.context(), name)


@pytest.mark.parametrize("is_link", [False, True])
def test_a_new_certificate_is_served_at_once(folder: TlsFolder, is_link: bool) -> None:  # noqa: FBT001 - a column
    """Renamed over the old files, or a link that leads to others, as certbot does it."""
    if is_link:
        for suffix in ("crt", "key"):
            path = folder.folder / f"mail.{suffix}"
            path.rename(folder.folder / f"old.{suffix}")
            path.symlink_to(f"old.{suffix}")
    renewing = Renewing(folder, "mail")
    assert renewing.later() == "mx.example.org"
    if is_link:
        folder.pair("fresh", "new.example.org")
        for suffix in ("crt", "key"):
            link = folder.folder / f"link.{suffix}"
            link.symlink_to(f"fresh.{suffix}")
            link.replace(folder.folder / f"mail.{suffix}")
    else:
        folder.pair("mail", "new.example.org")

    assert renewing.later(0.5) == "mx.example.org"
    assert renewing.later(0.5) == "new.example.org"
    assert renewing.journal.infos == ['pki "mail" is loaded anew']
    assert not renewing.journal.warnings


def test_half_a_pair_changes_nothing(folder: TlsFolder) -> None:
    """Until the key has come too the old pair is served; that is told once."""
    renewing = Renewing(folder, "mail")
    kept = folder.folder.joinpath("mail.key").read_bytes()
    folder.pair("mail", "new.example.org")
    fresh = folder.folder.joinpath("mail.key").read_bytes()
    replace_file(folder.folder / "mail.key", kept)

    assert [renewing.later() for _ in range(3)] == ["mx.example.org"] * 3
    replace_file(folder.folder / "mail.key", kept)
    assert renewing.later() == "mx.example.org"
    assert renewing.journal.warnings == [
        (
            f'cannot use the key "{folder.folder}/mail.key" (smtpd.conf:1): it does not belong to the certificate; '
            'pki "mail" stays as it was loaded before'
        )
    ]

    replace_file(folder.folder / "mail.key", fresh)
    assert renewing.later() == "new.example.org"
    assert renewing.journal.infos == ['pki "mail" is loaded anew']
    assert len(renewing.journal.warnings) == 1
    replace_file(folder.folder / "mail.key", kept)
    assert renewing.later() == "new.example.org"
    assert len(renewing.journal.warnings) == 2


def test_a_file_that_is_away_for_a_moment_changes_nothing(folder: TlsFolder) -> None:
    """It may be moved away first, and put back."""
    renewing = Renewing(folder, "mail")
    path = folder.folder / "mail.crt"
    path.rename(folder.folder / "away")
    assert renewing.later() == "mx.example.org"
    assert renewing.journal.warnings == [
        (
            f'cannot use the certificate "{path}" (smtpd.conf:1): no such file or directory; '
            'pki "mail" stays as it was loaded before'
        )
    ]
    folder.folder.joinpath("away").rename(path)

    assert renewing.later() == "mx.example.org"
    assert renewing.journal.infos == ['pki "mail" is loaded anew']


def test_what_cannot_be_loaded_is_tried_again(folder: TlsFolder) -> None:
    """A minute later, though no file has changed: what was wrong may have been the machine."""
    away: list[str] = []
    clock, journal = Clock(), Journal()
    tls = ListenerCertificates(folder.listener("mail"), lambda path: "".join(away) + path, journal, now=clock)
    folder.pair("mail", "new.example.org")
    away.append("/nowhere")
    clock.time += 1
    assert shown(tls.context()) == "mx.example.org"
    away.clear()
    clock.time += 59
    assert shown(tls.context()) == "mx.example.org"
    clock.time += 1

    assert shown(tls.context()) == "new.example.org"
    assert (len(journal.warnings), len(journal.infos)) == (1, 1)


def test_one_certificate_does_not_wait_for_another(folder: TlsFolder) -> None:
    """A pair that is whole is served though another is not; names are those of the new ones."""
    folder.pair("two", "two.example.org")
    renewing = Renewing(folder, "mail", "two")
    folder.folder.joinpath("mail.key").write_bytes(b"rubbish")
    folder.pair("two", "three.example.org", "other.example.org")

    assert renewing.later(name="other.example.org") == "three.example.org"
    assert renewing.later(name="two.example.org") == "mx.example.org"
    assert renewing.journal.infos == ['pki "two" is loaded anew']


def test_a_session_ends_with_its_certificate(folder: TlsFolder) -> None:
    """What a channel is bound to is not another when the session is taken up again."""
    folder.pair("two", "two.example.org")
    renewing, client = Renewing(folder, "mail", "two"), client_context()
    first = Pair(renewing.tls.context(), client, "two.example.org").talk()
    second = Pair(renewing.tls.context(), client, "two.example.org", session=first.client.session).talk()
    folder.pair("two", "two.example.org")
    renewing.clock.time += 1
    third = Pair(renewing.tls.context(), client, "two.example.org", session=first.client.session).talk()

    assert (second.server.is_resumed, third.server.is_resumed) == (True, False)
    assert second.server.facts.bindings == first.server.facts.bindings
    assert third.server.facts.bindings != first.server.facts.bindings


def test_a_new_authority_is_believed(folder: TlsFolder) -> None:
    """The file of `ca` is watched as well."""
    folder.authority("ca")
    listener = folder.listener("mail", options="smtps verify ca own", settings='ca own cert "FOLDER/ca.crt"\n')
    clock = Clock()
    tls = ListenerCertificates(listener, str, Journal(), now=clock)
    joe = folder.pair("joe", "joe", by=folder.authority("ca"))
    assert Pair(tls.context(), client_context(certificate=joe)).talk().server_error
    clock.time += 1

    assert agreed(tls.context(), client_context(certificate=joe)).certificate is not None


def test_a_handshake_that_has_begun_goes_on(folder: TlsFolder) -> None:
    """Connections are never dropped: each keeps the context that it began with."""
    renewing = Renewing(folder, "mail")
    pair = Pair(renewing.tls.context(), client_context())
    pair.give(pair.server, pair.client.data_to_send())
    folder.pair("mail", "new.example.org")
    assert renewing.later() == "new.example.org"
    pair.talk()
    pair.client.send(b"NOOP\r\n")
    pair.talk()

    assert pair.heard[pair.server] == b"NOOP\r\n"
