"""What the language manual says of settings and limits is so: their defaults, and what is not served."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from smtpdsl.ir.quantity import format_size, format_time, parse_size, parse_time
from smtpdsl.ir.resolved import Globals
from tests.checking import write_files
from tests.manual import Example, default_in, examples, page_named, text
from tests.test_language_facts import MINIMAL, NOT_SERVED, resolved, unserved

PAGE = text(page_named("settings"))
_SETTING = re.compile(r"^```syntax (.+)\n(?:.*\n)*?```\n\n(.+(?:\n.+)*)", re.MULTILINE)
SETTINGS = {name: " ".join(said.split()) for name, said in _SETTING.findall(PAGE)}


@pytest.fixture(scope="module")
def settings() -> Globals:
    """What holds where nothing is written."""
    return resolved(MINIMAL).settings


def _defaults(settings: Globals) -> dict[str, str | None]:
    """Return the default of each setting, in the words of the manual."""
    assert settings.admd.value == resolved(MINIMAL).server_name
    assert settings.smtp_ciphers.value == "default"
    assert (settings.queue_compression.value, settings.queue_encryption.value) == (False, None)
    assert (settings.srs_key.value, settings.srs_key_backup.value) == (None, None)
    return {
        "smtp max-message-size": f"`{format_size(settings.max_message_octets.value)}`",
        "smtp sub-addr-delim": f'`"{settings.sub_addr_delim.value}"`',
        "smtp ciphers": "those of the TLS library",
        "admd": "the server's name",
        "queue ttl": f"`{format_time(settings.queue_ttl.value)}`",
        "queue compression": None,
        "queue encryption": None,
        "bounce warn-interval": ", ".join(f"`{format_time(each)}`" for each in settings.warn_intervals.value),
        "srs": f"no key, and `{format_time(settings.srs_ttl.value)}`",
        "mta max-deferred": f"`{settings.mta_max_deferred.value}`",
    }


def test_the_defaults_of_settings(settings: Globals) -> None:
    """What the paragraph behind the syntax calls the default is the real one."""
    expected = _defaults(settings)

    assert {name: default_in(SETTINGS[name]) for name in expected} == expected


@pytest.mark.parametrize("name", sorted(set(SETTINGS) - {name for name in SETTINGS if name.endswith("limit")}))
def test_a_setting_that_is_not_served_is_marked(name: str, tmp_path: Path) -> None:
    """The paragraph behind its syntax begins with the mark."""
    found = []
    for each in examples():
        if each.page == "settings":
            write_files(tmp_path, each.all_files)
            found += [span.text for span in unserved(each.whole, tmp_path)]

    assert any(each.startswith(name) for each in found) is SETTINGS[name].startswith(NOT_SERVED)


class Limit(NamedTuple):
    """A limit as a table of the manual has it."""

    subsystem: str
    name: str
    default: str
    is_served: bool

    @property
    def value(self) -> int:
        """The default as a number: seconds and octets for a time and a size."""
        if self.default.isdecimal():
            return int(self.default)
        return parse_time(self.default) if self.default[-1].islower() else parse_size(self.default)


def _limits() -> Iterator[Limit]:
    subsystem = ""
    for line in PAGE.splitlines():
        if found := re.match(r"\| `(\w+) limit` \|", line):
            subsystem = found[1]
        elif line.startswith("| `") and subsystem:
            names, defaults, said = (cell.strip() for cell in line.strip("|").split("|"))
            for name, default in zip(re.findall("`(.*?)`", names), defaults.split(","), strict=True):
                yield Limit(subsystem, name, default.strip(), not said.startswith(NOT_SERVED))


def test_the_defaults_of_limits(settings: Globals) -> None:
    """Every limit of every subsystem is in a table, with its default."""
    known = {
        "smtp": settings.smtp_limits,
        "mda": settings.mda_limits,
        "mta": settings.mta_limits,
        "scheduler": settings.scheduler_limits,
    }
    real = {(subsystem, name, each.value) for subsystem, limits in known.items() for name, each in limits.items()}

    assert {(limit.subsystem, limit.name, limit.value) for limit in _limits()} == real


@pytest.mark.parametrize("limit", list(_limits()), ids=lambda limit: f"{limit.subsystem} {limit.name}")
def test_a_limit_that_is_not_served_is_marked(limit: Limit, tmp_path: Path) -> None:
    """In its row."""
    example = Example("", 0, f"{limit.subsystem} limit {limit.name} {limit.default}\n", {})

    found = [span.text for span in unserved(example.whole, tmp_path)]
    assert (f"{limit.name} {limit.default}" not in found) is limit.is_served
