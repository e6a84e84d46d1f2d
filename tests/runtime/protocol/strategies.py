r"""Sessions drawn from the grammar of commands, and from octets that are none.

lines()        b"RCPT TO:<alice@local.test> NOTIFY=NEVER\r\n", b"BDAT 3 LAST\r\n.\r\n", b"\xff\xfe\n"
speeches()     what a client says before TLS, and after it: a list of such octets
listeners()    offers that have everything, and offers that have little
"""

from __future__ import annotations

import base64

from hypothesis import strategies as st

from smtpdsl.runtime.protocol.server import Offer
from tests.runtime.site import LOGIN

HELLO = b"EHLO client.test\r\n"
ENVELOPE = b"MAIL FROM:<a@elsewhere.test>\r\nRCPT TO:<alice@local.test>\r\n"
BINARY_ENVELOPE = ENVELOPE.replace(b">", b"> BODY=BINARYMIME", 1)
PLAIN = base64.b64encode("\0".join(("", *LOGIN)).encode())

_ENDS = st.sampled_from([b"\r\n"] * 20 + [b"\n", b"\r", b"", b" \r\n", b"\0\r\n", b"\r\r\n"])

# ---------------------------------------------------------------- arguments

_local_parts = st.sampled_from(
    [b"alice", b"bob", b"a.b", b'"a b"', b'"a\\"@>"', b"a..b", b"", b"x" * 300, "jörg".encode(), b"\xff", b"'", b"@"]
)
_domains = st.sampled_from(
    [
        *[b"local.test"] * 6,
        *(b"foreign.test", b"[192.0.2.1]", b"[IPv6:::1]", b"[", b"", b"a..b", b"-", b"xn---", b"x" * 70),
        *("müller.test".encode(), "MÜLLER.test".encode(), "日本".encode(), b"\xed\xa0\x80"),
    ]
)
_addresses = st.builds(lambda local_part, domain: local_part + b"@" + domain, _local_parts, _domains)
_paths = st.one_of(
    st.builds(lambda address: b"<" + address + b">", _addresses),
    st.sampled_from([b"<>", b"<alice@local.test>", b"<alice>", b"<@a,@b:bob@local.test>", b"<", b">", b"alice", b""]),
)
_keywords = [
    b"SIZE",
    b"BODY",
    b"SMTPUTF8",
    b"AUTH",
    b"RET",
    b"ENVID",
    b"REQUIRETLS",
    b"MT-PRIORITY",
    b"NOTIFY",
    b"ORCPT",
]
_values = st.sampled_from(
    [
        *(
            b"10",
            b"99999999999999999999",
            b"-1",
            b"8BITMIME",
            b"<>",
            b"FULL",
            b"x+2B",
            b"a+ZZ",
            b"NEVER",
            b"SUCCESS,DELAY",
        ),
        *(b"rfc822;joe", b"utf-8;j\\x{F6}rg", "utf-8;jörg".encode(), b"utf-8;\\x{110000}", b"\xff", b"=", b""),
    ]
)
_parameter = st.one_of(
    st.sampled_from([b"SMTPUTF8", b"SIZE=10", b"BODY=8BITMIME", b"BODY=BINARYMIME", b"FOO=BAR", b"=", b"\xff"]),
    st.builds(lambda keyword, value: keyword + b"=" + value, st.sampled_from(_keywords), _values),
)
_parameters = st.lists(_parameter, max_size=3).map(lambda found: b"".join(b" " + each for each in found))
_words = st.one_of(
    st.sampled_from([b"", b"x", b"alice", b"client.test", "jörg SMTPUTF8".encode()]), st.binary(max_size=8)
)

# ---------------------------------------------------------------- commands

_MAIL = st.builds(lambda path, rest: b"MAIL FROM:" + path + rest, _paths, _parameters)
_RCPT = st.builds(lambda path, rest: b"RCPT TO:" + path + rest, _paths, _parameters)
_VERBS = [
    b"HELO",
    b"EHLO",
    b"DATA",
    b"RSET",
    b"NOOP",
    b"QUIT",
    b"VRFY",
    b"HELP",
    b"STARTTLS",
    b"AUTH",
    b"BDAT",
    b"EXPN",
    b"GET",
]
_OTHER = st.builds(lambda verb, word: verb + b" " + word, st.sampled_from(_VERBS), _words)
_USUAL = st.sampled_from(
    [
        *(HELLO[:-2], *ENVELOPE.splitlines(), b"DATA", b"RSET", b"NOOP", b"STARTTLS", b"MAIL FROM:<> SMTPUTF8"),
        *(b"AUTH PLAIN", b"AUTH LOGIN", b"AUTH PLAIN " + PLAIN, b"AUTH PLAIN =", b"AUTH LOGIN !", b"AUTH CRAM-MD5"),
        *(PLAIN, b"*", b"=", b"", b"x" * 79),
    ]
)
_PIECES = st.sampled_from(
    [b"a", b".", b"..", b"\r\n", b"\r\n.", b"\r\n.\r\n", b"\n", b"\r", b"\0", b"x" * 30, b"RSET\r\n"]
)
_CONTENT = st.lists(_PIECES, max_size=8).map(b"".join)
_BINARY = _CONTENT.map(b"MIME-Version:1\r\nContent-Transfer-Encoding:binary\r\n\r\n".__add__)
_SIZES = st.sampled_from([b"0", b"1", b"007", b"40", b"2147483649", b"9" * 20, b"-1", b"1_0", b"x", b""])


@st.composite
def _chunk(draw: st.DrawFn) -> bytes:
    """Draw BDAT with its chunk, most of them as long as they say."""
    content = draw(_CONTENT | _BINARY)
    size = b"%d" % len(content) if draw(st.integers(0, 5)) else draw(_SIZES)
    return b"BDAT " + size + draw(st.sampled_from([b"", b" LAST", b" last"])) + b"\r\n" + content


def lines() -> st.SearchStrategy[bytes]:
    """Draw a command with what belongs to it, or something that is none."""
    command = st.builds(bytes.__add__, st.one_of(_USUAL, _USUAL, _MAIL, _RCPT, _OTHER), _ENDS)
    mail_data = _CONTENT.map(lambda content: b"DATA\r\n" + content + b"\r\n.\r\n")
    envelopes = st.sampled_from([ENVELOPE, ENVELOPE, BINARY_ENVELOPE])
    transaction = st.builds(lambda envelope, last: HELLO + envelope + last, envelopes, st.one_of(mail_data, _chunk()))
    return st.one_of(command, command, command, _chunk(), mail_data, transaction, st.binary(max_size=20))


def speeches() -> st.SearchStrategy[list[bytes]]:
    """Draw what a client says; it brings TLS up between two of them, if it was answered so."""
    speech = st.lists(lines(), max_size=8).map(b"".join)
    polite = speech.map(lambda said: HELLO + said + b"STARTTLS\r\n")
    return st.one_of(
        st.lists(st.one_of(speech, polite), min_size=1, max_size=3), st.binary(max_size=300).map(lambda said: [said])
    )


def listeners() -> st.SearchStrategy[Offer]:
    """Draw what a listener offers."""
    flags = st.tuples(*[st.booleans()] * len(Offer._fields))
    return st.one_of(st.just(Offer(starttls=True, dsn=True, auth=True)), flags.map(lambda drawn: Offer(*drawn)))
