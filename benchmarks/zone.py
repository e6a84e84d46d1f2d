"""A name server on 127.0.0.1, port 53, for `bench_relay`: what it does not know does not exist.

good.test   MX 10 mx.good.test     198.51.100.2
half.test   MX 10 dead.half.test   198.51.100.9, which answers nothing
            MX 20 mx.good.test
"""

from __future__ import annotations

import socket

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SINK, DEAD = "198.51.100.2", "198.51.100.9"
TTL = 300
ZONE = {
    ("good.test.", "MX"): ["10 mx.good.test."],
    ("half.test.", "MX"): ["10 dead.half.test.", "20 mx.good.test."],
    ("mx.good.test.", "A"): [SINK],
    ("dead.half.test.", "A"): [DEAD],
}
NAMES = {name for name, _ in ZONE}


def answer(octets: bytes) -> bytes:
    """Return the answer to the question in *octets*."""
    query = dns.message.from_wire(octets)
    response = dns.message.make_response(query)
    response.flags |= dns.flags.RA
    question = query.question[0]
    name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
    records = ZONE.get((name, kind))
    if records:
        response.answer.append(dns.rrset.from_text(question.name, TTL, "IN", kind, *records))
    elif name not in NAMES:
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response.to_wire()


def main() -> None:
    """Answer until the end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        print("ready", flush=True)
        while True:
            octets, client = server.recvfrom(512)
            server.sendto(answer(octets), client)


if __name__ == "__main__":
    main()
