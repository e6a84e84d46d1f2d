"""Keys of SCRAM as entries of a table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.scram_keys import MAX_ITERATIONS, MIN_ITERATIONS, ScramKeys, ScramKeysError, parse_scram_keys

SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
KEY = "WG5d8oPm3OtcPnkdi4UoDk8ZDODqL4eMXOTPlHHkUs4="
ENTRY = f"{{SCRAM-SHA-256}}4096,{SALT},{KEY},{KEY}"

KEYS = st.builds(
    ScramKeys,
    iterations=st.integers(MIN_ITERATIONS, MAX_ITERATIONS),
    salt=st.binary(min_size=8, max_size=64),
    stored_key=st.binary(min_size=32, max_size=32),
    server_key=st.binary(min_size=32, max_size=32),
)


@given(keys=KEYS)
def test_what_is_written_is_read(keys: ScramKeys) -> None:
    """The entry holds all four values."""
    assert parse_scram_keys(keys.entry) == keys
    assert ":" not in keys.entry
    assert "$" not in keys.entry


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{SCRAM-SHA-256}", "ITERATIONS,SALT,STOREDKEY,SERVERKEY"),
        (ENTRY.replace("{SCRAM-SHA-256}", "{SCRAM-SHA-1}"), "ITERATIONS,SALT,STOREDKEY,SERVERKEY"),
        (ENTRY + ",more", "ITERATIONS,SALT,STOREDKEY,SERVERKEY"),
        (ENTRY.replace("4096", "4095"), "4096 to 10000000 iterations"),
        (ENTRY.replace("4096", "10000001"), "4096 to 10000000 iterations"),
        (ENTRY.replace("4096", "\u0664\u0660\u0669\u0666"), "4096 to 10000000 iterations"),
        (ENTRY.replace(SALT, "AAAA"), "8 to 64 octets of salt"),
        (ENTRY.replace(SALT, SALT + "!"), "8 to 64 octets of salt"),
        (ENTRY[:-4], "two keys of 32 octets"),
    ],
)
def test_what_is_no_such_entry_is_told(entry: str, message: str) -> None:
    """Each of the four fields is looked at."""
    with pytest.raises(ScramKeysError, match=message) as raised:
        parse_scram_keys(entry)

    assert 0 <= raised.value.start <= raised.value.end <= len(entry)


@given(text=st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else is raised, and no part of the entry is repeated."""
    with pytest.raises(ScramKeysError) as raised:
        parse_scram_keys("{SCRAM-SHA-256}4096," + text)

    assert len(text) < 12 or text not in str(raised.value).replace("{SCRAM-SHA-256}ITERATIONS,SALT", "")


def test_keys_are_not_shown() -> None:
    """They are as good as a hash for guessing."""
    keys = parse_scram_keys(ENTRY)

    assert KEY not in repr(keys)
    assert repr(keys.stored_key) not in repr(keys)
