"""How long `smtpdsl check` takes; `make bench-check` runs it.

Three figures:

* a 50-line file from a cold process, beside `python -c 'import lark, click'` (the least
  that a command built on these libraries can cost), the two in turn;
* 10,000 lines such as administrators write them;
* the slowest answer to files that are no configurations.

Prints a table, and as the last line the same as JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.spread import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
SMALL = HERE / "check-50-lines.conf"
SMTPDSL = Path(sys.executable).with_name("smtpdsl")
IMPORTS = [sys.executable, "-c", "import lark, click"]

# Of the same machine in the same run; seconds.
COLD_BAR = 1.6
LARGE_BAR = 3.0
BAD_BAR = 2.0
LARGE_LINES = 10_000


def row(name: str, seconds: Spread) -> str:
    """Format a line of the table, in milliseconds."""
    middle, low, high = (1000 * each for each in (seconds.median, seconds.low, seconds.high))
    return f"{name:<44} {middle:9.1f} ms   {low:.1f} - {high:.1f}"


def seconds_of(command: Sequence[str | Path], status: int = 0) -> float:
    """Run *command* to its end; with another *status* what was measured was something else."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - start
    if done.returncode != status:
        sys.exit(f"{' '.join(map(str, command))} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return taken


def interleave(runs: int, *commands: Sequence[str | Path]) -> list[Spread]:
    """Run *commands* in turn, *runs* times each after one that warms the caches."""
    rounds = [[seconds_of(command) for command in commands] for _ in range(runs + 1)]
    return [Spread(list(column)) for column in zip(*rounds[1:], strict=True)]


def check(path: Path) -> list[str | Path]:
    """Build the command that checks *path* and looks at nothing else."""
    return [SMTPDSL, "check", "--static", path]


class Kind(NamedTuple):
    """What differs between the sites: parts of `SITE`."""

    kind: str
    table: str
    submission: str
    action: str
    domains: str


# The proportions are those of the modern files of tests/real_world: of 100 lines there are
# 28 comments, 23 blank, 11 `match`, 9 `action`, 7 `table`, 7 `listen`, 3 `filter` and 3 `pki`;
# most of the others continue a line.
SITE = """\
# {name}
# The certificate is renewed by a job of the system.

pki {host} cert "/etc/ssl/{host}.fullchain.pem"
pki {host} key "/etc/ssl/private/{host}.key"

# Who has an address here, and where their mail goes.
# Run `smtpctl update table` after a change.
table users{n} file:/etc/mail/{name}/users
table {table}

# Clients without a name are not welcome.
filter "rdns{n}" phase connect match !rdns \\
    disconnect "550 no reverse DNS"

# From outside, and from those who log in.
listen on {address} tls pki {host} hostname {host} filter "rdns{n}"
listen on {address} port submission tls-require pki {host} auth{submission} \\
    tag "login{n}"

# {kind}
action "in{n}" {action}
action "list{n}" mda "/usr/local/bin/{kind}-list --to %{{dest.user}}" virtual <users{n}>
action "out{n}" relay helo {host}

# Order matters: the first rule that matches decides.
match from any mail-from "@bulk{n}.example" for domain {name} reject
match from any for domain {domains} action "in{n}"
match from any for domain "lists.{name}" action "list{n}"

match tag "login{n}" auth from any for any action "out{n}"

"""
# What the site does with mail: its name, a table, who may use which address, an action, its domains.
KINDS = [
    Kind(
        "maildir",
        'also{n} {{ "ann" = "ann@{name}, @lists.{name}", "ben" = "ben@{name}" }}',
        " senders <also{n}>",
        'maildir "/var/vmail/%{{dest.domain}}/%{{dest.user}}" junk virtual <users{n}>',
        '{{ "{name}", "www.{name}" }}',
    ),
    Kind(
        "dovecot",
        'also{n} {{ "{name}", "mail.{name}", "*.shops.{name}" }}',
        "",
        'lmtp "/run/dovecot/lmtp" rcpt-to virtual <users{n}>',
        "<also{n}>",
    ),
    Kind("system", "also{n} file:/etc/mail/{name}/domains", "", "mbox alias <users{n}>", "<also{n}>"),
    Kind(
        "gateway",
        'also{n} {{ site{n} = "user{n}:secret-{n}" }}',
        " mask-src",
        "relay host smtp+tls://site{n}@relay.{name}:587 auth <also{n}>",
        '"{name}"',
    ),
]


def site(n: int) -> str:
    """Write the configuration of the *n*-th site, in one of the kinds."""
    kind = KINDS[n % len(KINDS)]
    names = {"n": n, "name": f"site{n}.example.org", "host": f"mx.site{n}.example.org"}
    parts = {field: part.format(**names) for field, part in kind._asdict().items()}
    return SITE.format(**names, **parts, address=f"198.18.{n // 250}.{n % 250 + 1}")


def large_configuration(lines: int) -> str:
    """Write whole sites, and then comments until there are *lines* lines."""
    height = SITE.count("\n")
    text = "".join(site(n) for n in range(lines // height))
    return text + "# note\n" * (lines % height)


def bad_inputs(folder: Path) -> Iterator[tuple[str, Path]]:
    """Write files that are no configurations into *folder*, and tell what each is."""
    a, b = folder / "a.conf", folder / "b.conf"
    a.write_text(f'include "{b}"\n' * 2000)
    b.write_text("# x\n" * 10_000)
    yield "exploding includes", a
    texts = {
        "50 MB": "match from any for any reject\n" * 1_700_000,
        "zeros": "\0" * 50_000_000,
        "nested braces": "table t " + "{" * 50_000 + "}" * 50_000,
        "exploding macros": f'a = "{"x " * 4000}"\n' + "admd $a\n" * 10_000,
        "errors": "foo bar baz\n" * 10_000,
    }
    for name, text in texts.items():
        path = folder / f"{name.replace(' ', '-')}.conf"
        path.write_text(text)
        yield name, path


def slowest(folder: Path) -> tuple[float, str]:
    """Return how long the answer to the worst of `bad_inputs` takes, and which one it is."""
    times = []
    for name, path in bad_inputs(folder):
        times.append((seconds_of(check(path), status=1), name))
        path.unlink()
    return max(times)


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=21, help="of each command of the first figure (default: 21)")
    options.add_argument("--large-runs", type=int, default=5, help="of the second figure (default: 5)")
    options.add_argument("--keep", type=Path, help="also write the generated lines to this file")
    chosen = options.parse_args()

    imports, small = interleave(chosen.runs, IMPORTS, check(SMALL))
    text = large_configuration(LARGE_LINES)
    with tempfile.TemporaryDirectory() as folder:
        generated = chosen.keep or Path(folder) / "smtpd.conf"
        generated.write_text(text, encoding="utf-8")
        (large,) = interleave(chosen.large_runs, check(generated))
        bad, worst = slowest(Path(folder))
    ratio = small.median / imports.median

    print(f"{'':<44} {'median':>12}   min - max")
    print(row("python -c 'import lark, click'", imports))
    print(row(f"smtpdsl check, {len(SMALL.read_text(encoding='utf-8').splitlines())} lines", small))
    print(row(f"smtpdsl check, {text.count(chr(10)):,} lines", large))
    print(row(f"smtpdsl check, bad input ({worst})", Spread([bad])))
    print(
        f"ratio of the first two: {ratio:.2f} (at most {COLD_BAR}); the third: at most {LARGE_BAR} s;"
        f" bad input: at most {BAD_BAR} s"
    )
    figures = {
        "benchmark": "check",
        "imports_seconds": imports.median,
        "small_seconds": small.median,
        "small_ratio": ratio,
        "small_ratio_bar": COLD_BAR,
        "large_lines": text.count("\n"),
        "large_seconds": large.median,
        "large_seconds_bar": LARGE_BAR,
        "bad_seconds": bad,
        "bad_seconds_bar": BAD_BAR,
        "runs": [chosen.runs, chosen.large_runs],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
