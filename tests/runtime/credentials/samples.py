"""One password, and how each kind of hash stores it; made by libxcrypt 4.4, argon2 and RFC 5802's recipe."""

from __future__ import annotations

from collections.abc import Mapping

from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.table_file import Kind, TableEntry
from smtpdsl.runtime.credentials.crypt_library import crypt_hash
from smtpdsl.runtime.credentials.scram_secret import scram_keys
from smtpdsl.runtime.credentials.secret import Secret

PASSWORD = "s3cret päss"  # noqa: S105 - of nobody
OCTETS = PASSWORD.encode()

HASHES = {
    "yescrypt": "$y$j75$Jxq7Zb3fVw0a1Ld9$VmL1Ohz7Y28vCIUistxiPSsIYDkhyRXzJYd3yiNm350",
    "gost-yescrypt": "$gy$j75$Jxq7Zb3fVw0a1Ld9$Ujlwrw9TizdlVUGFvHmLFQ5Q4TX5e6cHus6RlCiFnG2",
    "scrypt": "$7$46..../....Jxq7Zb3fVw0a1Ld9$vS8.xXscC0lYcQ60rWhnGYFb0vuEgaFtLd3RDZuUmQB",
    "bcrypt 2a": "$2a$04$Jxq7Zb3fVw0a1Ld9Jxq7ZeFY38YFa30EbRfX5Hsizbg5VjrA2oe.K",
    "bcrypt 2b": "$2b$04$Jxq7Zb3fVw0a1Ld9Jxq7ZeFY38YFa30EbRfX5Hsizbg5VjrA2oe.K",
    "bcrypt 2y": "$2y$04$Jxq7Zb3fVw0a1Ld9Jxq7ZeFY38YFa30EbRfX5Hsizbg5VjrA2oe.K",
    "sha512-crypt": (
        "$6$Jxq7Zb3fVw0a1Ld9$Tb6pv7xnAFQ1bDljp3fGhvzZoDsQHrZxPd9NrIMgpcYtBvxlHLMxHOW0Aj/JM.PUgEp3F0G/.41WlPSgDSJwq1"
    ),
    "sha512-crypt with rounds": (
        "$6$rounds=1000$Jxq7Zb3fVw0a1Ld9$tdoaEvGQeCmIXI9Em8lYNwg/.ZGW5oHJn9TpBteQaaKnEGGxEAWhRQub0AD2nO/FcyhN41/WbWPb1AknKc/Cf/"
    ),
    "sha256-crypt": "$5$Jxq7Zb3fVw0a1Ld9$4pKrsz.gt0nvG/RMx6ufPIbB4oY1ZcpY.2OGPx2UdC3",
    "sha1-crypt": "$sha1$40$Jxq7Zb3f$dIpwjUB6FdOPru7nb7TprsyonDHe",
    "md5-crypt": "$1$Jxq7Zb3f$xJZHzaDr7.UeRd/JDWQSt/",
    "Sun's MD5": "$md5,rounds=1$Jxq7Zb3f$T38F1Tc1Jy74f2wZXfWa61",
    "extended DES": "_/...Jxq70x1BRGZmPnY",
    "DES": "JxrnzSCkBCfr.",
    "argon2id": "$argon2id$v=19$m=64,t=1,p=1$SnhxN1piM2ZWdzBhMUxkOQ$L0rqkhyy83kytiVR+pV/e/yzZNIqSDylZV5eGdTe2JY",
    "argon2i": "$argon2i$v=19$m=64,t=1,p=1$SnhxN1piM2ZWdzBhMUxkOQ$lp5cXeHNNkfJyrJCAdBv8J9XbE77Jq0R2BWJvsysL5s",
    "SCRAM-SHA-256": (
        "{SCRAM-SHA-256}4096,SnhxN1piM2ZWdzBhMUxkOQ==,JtjxHBVSZj85czcGPl1JkeIMpLXueXMlQMvDAzoSCJQ=,QlJHnd5/YR+mXjamB7q7h6T1w9WlfFQcp+vjY+wnU64="
    ),
}

# The cheapest of a kind, for tests that are about something else.
CHEAP = "$6$rounds=1000$saltsalt"


def sha512(password: str) -> str:
    """Return a hash that is quickly checked."""
    made = crypt_hash(password.encode(), CHEAP)
    assert made is not None
    return made


def scram(password: str, salt: bytes = b"0123456789abcdef") -> str:
    """Return an entry with keys of SCRAM."""
    return scram_keys(Secret(password.encode()), salt, 4096).entry


def table_of(entries: Mapping[str, str | None]) -> Table:
    """Return the table ``<logins>`` with *entries*, login to what is stored."""
    source = Source("logins", "".join(f"{key} {value}\n" for key, value in entries.items()))
    span = Span(source, 0, 0)
    held = tuple(TableEntry(span=span, key=key, value=value) for key, value in entries.items())
    return Table(span=span, name="logins", backend="file", kind=Kind.MAP, entries=held)
