"""The strings that `protocols` and `ciphers` take."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.ir.tls_strings import ProtocolsError, cipher_problem, parse_protocols, protocols_problem

SECURE = {"tlsv1.2", "tlsv1.3"}


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ("tlsv1.2", {"tlsv1.2"}),
        ("TLSv1.2, tlsv1.3", SECURE),
        ("tlsv1.2:tlsv1.3", SECURE),
        ("secure", SECURE),
        ("Default", SECURE),
        ("all", {"tlsv1.0", "tlsv1.1", *SECURE}),
        ("legacy,!tlsv1.0,!tlsv1.1", SECURE),
        ("!tlsv1.0:!tlsv1.1", SECURE),
        ("all,!secure,tlsv1.3", {"tlsv1.0", "tlsv1.1", "tlsv1.3"}),
    ],
)
def test_protocols_are_added_and_taken_away_in_order(text: str, versions: set[str]) -> None:
    """Commas and colons separate, case does not matter, and taking away first takes away from all."""
    assert parse_protocols(text) == versions
    assert protocols_problem(text) is None


@pytest.mark.parametrize(
    ("text", "blamed", "advice"),
    [
        ("tlsv1.2,tlsv13", "tlsv13", 'write "tlsv1.3"'),
        ("TLS1.2", "TLS1.2", 'write "tlsv1.2"'),
        ("tlsv1.2:! tlsv1.3", " tlsv1.3", 'write "tlsv1.3"'),
        ("tlsv1.2, !secur", "secur", 'write "secure"'),
        ("sslv3", "sslv3", ""),
        ("tlsv1.2,", "", ""),
        ("", "", ""),
        ("all,!all", "all,!all", ""),
    ],
)
def test_a_wrong_protocol_is_blamed_where_it_stands(text: str, blamed: str, advice: str) -> None:
    """The error points at the element, and offers the nearest one."""
    with pytest.raises(ProtocolsError) as caught:
        parse_protocols(text)

    assert text[caught.value.start : caught.value.end] == blamed
    assert caught.value.help == advice
    assert protocols_problem(text) == caught.value.message


@given(st.lists(st.sampled_from(["tlsv1.0", "tlsv1.1", "tlsv1.2", "tlsv1.3"]), min_size=1), st.sampled_from(",:"))
def test_a_list_of_versions_allows_exactly_these(versions: list[str], separator: str) -> None:
    """Without a negation nothing else is in and nothing is missing."""
    assert parse_protocols(separator.join(versions)) == set(versions)


@pytest.mark.parametrize(
    "text", ["secure", "DEFAULT", "compat", "legacy", "all", "insecure", "HIGH:!aNULL:!MD5", "AES256-SHA256"]
)
def test_ciphers_are_a_keyword_or_a_list(text: str) -> None:
    """Keywords ignore case; a list must choose something."""
    assert cipher_problem(text) is None


@pytest.mark.parametrize("text", ["", "NOPE", "HIGH:!ALL", "HIGH\0", "\udc80"])
def test_a_list_that_chooses_nothing_is_a_problem(text: str) -> None:
    """The TLS library refuses it, and the message shows it."""
    assert (cipher_problem(text) or "").startswith(f'no cipher matches "{text}"')


def test_a_misspelt_keyword_gets_the_right_one() -> None:
    """To the TLS library it is just another unknown name."""
    assert cipher_problem("secur") == 'no cipher matches "secur"; did you mean "secure"?'


def test_the_tls_library_is_loaded_only_for_a_list() -> None:
    """A check of a configuration without ciphers does not pay for it."""
    program = """if True:
        import sys
        from smtpdsl.ir.tls_strings import cipher_problem
        cipher_problem("secure")
        sys.exit("ssl" in sys.modules)
    """
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
