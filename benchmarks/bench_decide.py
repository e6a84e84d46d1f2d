"""How long a decision takes; `make bench-decide` runs it.

Four configurations, each small and large:

* one rule for 10 or 100,000 exact domains in a table;
* 10 or 10,000 `match` rules, each for a domain of its own, one in ten for clients of a network;
* 10 or 10,000 rules that mix client, sender, HELO name and recipient, which no small diagram has;
* 10 or 10,000 CIDR prefixes in a table.

Each is decided by the diagram and by reading the rules one by one, which gives the same
answers; the latter over fewer envelopes, because it takes so long.  The time is that of
the processor.  "fresh" are values that were never seen before, "again" values that come
back, as those of a session do.  Last comes the same as JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.spread import Spread
from smtpdsl.compiler.build_diagram import build_diagram
from smtpdsl.compiler.pipeline import compile_source
from smtpdsl.compiler.world import Machine
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.diagnostics.span import Source
from smtpdsl.ir.answers import Site, answer
from smtpdsl.ir.classes import NoLookup
from smtpdsl.ir.diagram import NO_RULE, Diagram
from smtpdsl.ir.resolved import Question, Rule
from smtpdsl.ir.semantics import Answer, Decision, evaluate
from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client, Envelope

# Microseconds, and how much slower than the small one.
BAR = 5.0
RATIO_BAR = 3.0
SMALL = 10
SITE = Site(server_name="mail.example.org", addresses=("127.0.0.1", "[::1]"))
LOOKUP = NoLookup()
ACTIONS = 'action "in" maildir\naction "out" relay\n'


def network(n: int) -> str:
    """Return the *n*-th prefix."""
    return f"10.{n // 256 % 256}.{n % 256}.0/24"


def domains(count: int) -> str:
    """Write a configuration with *count* domains in a table."""
    names = ", ".join(f'"d{n}.example"' for n in range(count))
    return f'table domains {{ {names} }}\n{ACTIONS}match from any for domain <domains> action "in"\n' + LOCAL_RULES


def rules(count: int) -> str:
    """Write a configuration with *count* rules."""
    lines = (
        f'match from {f"src {network(n)}" if n % 10 == 0 else "any"} for domain "d{n}.example" action "in"\n'
        for n in range(count)
    )
    return ACTIONS + "".join(lines) + LOCAL_RULES


def mixed(count: int) -> str:
    """Write a configuration with *count* rules of all kinds."""
    kinds = (
        'match from src {net} for any action "out"\n',
        'match from any mail-from "u{n}@s{n}.example" for domain "d{m}.example" action "in"\n',
        'match from any helo "h{n}.example" for domain "d{n}.example" reject\n',
        'match from any for rcpt-to "u{n}@d{m}.example" action "in"\n',
    )
    lines = (kinds[n % len(kinds)].format(n=n, m=n // 2, net=network(n)) for n in range(count))
    return ACTIONS + "".join(lines) + LOCAL_RULES


def prefixes(count: int) -> str:
    """Write a configuration with *count* networks in a table."""
    names = ", ".join(f'"{network(n)}"' for n in range(count))
    return f'table networks {{ {names} }}\n{ACTIONS}match from src <networks> for any action "out"\n' + LOCAL_RULES


LOCAL_RULES = 'match from local for local action "in"\nmatch from auth for any action "out"\n'


class Case(NamedTuple):
    """What is measured: a configuration of a size."""

    name: str
    write: Callable[[int], str]
    large: int


CASES = [
    Case("exact domains", domains, 100_000),
    Case("match rules", rules, 10_000),
    Case("mixed rules", mixed, 10_000),
    Case("CIDR prefixes", prefixes, 10_000),
]


def compiled(text: str) -> tuple[Rule, ...]:
    """Return the rules of *text*."""
    report = Report()
    ruleset = compile_source(Source("bench.conf", text), Machine("", static=True), report).ruleset
    if ruleset is None:
        sys.exit(f"the configuration does not compile: {report.diagnostics[0].message}")
    return ruleset.rules


def envelopes(size: int, count: int, seed: int) -> list[Envelope]:
    """Make envelopes of which half meet what a configuration of *size* names."""
    draw = random.Random(seed)  # noqa: S311 - the same in each run
    found = []
    for _ in range(count):
        n = draw.randrange(2 * size)
        client = Client(
            source=f"10.{n // 256 % 256}.{n % 256}.{draw.randrange(256)}",
            helo=f"h{draw.randrange(2 * size)}.example",
            rdns="host.example",
        )
        mailbox = Mailbox(local_part=f"u{draw.randrange(2 * size)}", domain=f"d{draw.randrange(2 * size)}.example")
        sender = Mailbox(local_part=f"u{n}", domain=f"s{n}.example")
        found.append(Envelope(client=client, reverse_path=ReversePath(mailbox=sender), recipient=mailbox))
    return found


def microseconds(decide: Callable[[Envelope], Decision], asked: list[Envelope]) -> float:
    """Return how long a decision takes on the average of *asked*."""
    start = time.process_time()
    for envelope in asked:
        decide(envelope)
    return 1e6 * (time.process_time() - start) / len(asked)


def fresh_microseconds(diagram: Diagram, asked: list[Envelope]) -> float:
    """Return how long the decision about values takes that were never seen before."""

    def decide(envelope: Envelope) -> Decision:
        diagram.forget()
        return diagram.decide(envelope, LOOKUP)

    def forget(envelope: Envelope) -> Decision:
        diagram.forget()
        return nothing(envelope)

    return microseconds(decide, asked) - microseconds(forget, asked)


class Figures(NamedTuple):
    """Microseconds per decision."""

    fresh: Spread
    again: Spread
    linear: Spread
    built: float
    """Seconds to build the diagram."""
    has_root: bool


def measure(rules_of_size: tuple[Rule, ...], size: int, runs: int) -> Figures:
    """Measure one configuration; what is compared takes turns."""
    start = time.perf_counter()
    diagram = build_diagram(rules_of_size, SITE)
    built = time.perf_counter() - start

    def walk(envelope: Envelope) -> Decision:
        return diagram.decide(envelope, LOOKUP)

    def read(envelope: Envelope) -> Decision:
        def ask(question: Question) -> Answer:
            return answer(question, envelope, SITE, LOOKUP).answer

        return evaluate(rules_of_size, ask)

    fresh, again, linear = [], [], []
    for turn in range(runs):
        asked = envelopes(size, 5_000, turn)
        fresh.append(fresh_microseconds(diagram, asked))
        microseconds(walk, asked)
        again.append(microseconds(walk, asked))
        slow = asked[: max(3, 20_000 // size)]
        linear.append(microseconds(read, slow))
        compare(diagram, read, slow)
    return Figures(Spread(fresh), Spread(again), Spread(linear), built, diagram.root is not None)


def nothing(envelope: Envelope) -> Decision:
    """Decide as quickly as can be."""
    del envelope
    return NO_RULE


def compare(diagram: Diagram, read: Callable[[Envelope], Decision], asked: list[Envelope]) -> None:
    """End if the two disagree: what was measured was something else."""
    for envelope in asked:
        if diagram.decide(envelope, LOOKUP).rule is not read(envelope).rule:
            sys.exit(f"the diagram and the reference disagree about {envelope}")


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=7, help="of each measurement (default: 7)")
    chosen = options.parse_args()

    print(f"{'microseconds per decision':<28} {'fresh':>22} {'again':>22} {'one by one':>26}   built in")
    results: dict[str, object] = {"benchmark": "decide", "bar": BAR, "ratio_bar": RATIO_BAR}
    for case in CASES:
        small, large = (measure(compiled(case.write(size)), size, chosen.runs) for size in (SMALL, case.large))
        for size, found in ((SMALL, small), (case.large, large)):
            cells = "   ".join(f"{each.median:9.1f} ({each.low:.1f}-{each.high:.1f})" for each in found[:3])
            print(f"{size:>8,} {case.name:<18} {cells}   {found.built:.2f} s{'' if found.has_root else ', masks'}")
        results[case.name] = {
            "size": case.large,
            "fresh": large.fresh.median,
            "again": large.again.median,
            "one_by_one": large.linear.median,
            "fresh_ratio": large.fresh.median / small.fresh.median,
            "again_ratio": large.again.median / small.again.median,
            "built_seconds": large.built,
            "has_diagram": large.has_root,
        }
    print(f"at most {BAR} microseconds, and {RATIO_BAR} times the small one")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
