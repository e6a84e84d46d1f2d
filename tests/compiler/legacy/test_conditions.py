"""Which clients a legacy rule is for, in modern terms."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from smtpdsl.ir import syntax
from tests.compiler.legacy.translated import translated

WITH_LOGIN = 'pki mx certificate "/x" key "/y"\nlisten on lo tls pki mx auth\n'


def matches(rule: str, listeners: str = WITH_LOGIN) -> list[str]:
    """Return what the `match` lines of *rule* ask."""
    return translated(listeners + rule + "\n").matches


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("accept", ["", "from auth"]),
        ("accept from any", ["from any"]),
        ("accept from local", ["from local", "from auth"]),
        ("accept from ! local", ["!from local !auth"]),
        ("accept from source <t>", ["from src <t> !auth"]),
        ("accept from <t>", ["from src <t> !auth"]),
        ("accept from ! source <t>", ["!from src <t>", "from auth"]),
        ("accept from ! any", []),
        ("accept authenticated", ["from auth"]),
        ("accept authenticated from any", ["from auth"]),
        ("accept authenticated from source <t>", []),
        ("accept authenticated from ! local", []),
        ("accept ! authenticated", ["!auth"]),
        ("accept ! authenticated from any", ["from any !auth"]),
        ("accept from any tagged T", ["from any tag T"]),
        ("accept from any tagged ! T", ["from any !tag T"]),
        ("accept from any sender <s>", ["from any mail-from <s>"]),
        ("accept from any sender ! <s>", ["from any !mail-from <s>"]),
        ("accept from any recipient <r>", ["from any rcpt-to <r>"]),
        ("accept from any recipient ! { a@b }", ["from any !rcpt-to a@b"]),
        ("accept from any for local", ["from any for local"]),
        ("accept from any for ! domain <d>", ["from any !for domain <d>"]),
        ("accept for any sender <s>", ["for any mail-from <s>", "from auth for any mail-from <s>"]),
        ("reject from local for any", ["from local for any", "from auth for any"]),
    ],
)
def test_condition_becomes_modern(rule: str, expected: list[str]) -> None:
    """Each condition has its modern form; a rule that takes `local` is for those who log in too."""
    assert matches(rule) == expected


@pytest.mark.parametrize("listeners", ["", "listen on lo\n", "listen on lo tag A\n"])
def test_nobody_logs_in_so_there_is_one_line(listeners: str) -> None:
    """Without any `auth` listener there is no line for those who log in, and nothing that shuts them out."""
    assert matches("accept for any", listeners) == ["for any"]
    assert matches("accept from source <t> for any", listeners) == ["from src <t> for any"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("accept tagged IN", ["tag IN"]),
        ("accept tagged OUT", ["tag OUT", "from auth tag OUT"]),
        ("accept tagged out", ["tag out", "from auth tag out"]),
        ("accept tagged ! OUT", ["!tag OUT"]),
        ("accept tagged ! IN", ["!tag IN", "from auth !tag IN"]),
    ],
)
def test_tag_decides_whether_somebody_can_log_in(rule: str, expected: list[str]) -> None:
    """A rule for a listener without `auth` gets no line for those who log in."""
    listeners = "listen on lo tag IN\nlisten on lo port 587 tls auth tag OUT\n"
    assert matches(rule, listeners) == expected


def test_unreadable_listener_might_offer_auth() -> None:
    """After a syntax error in a listener, the line for those who log in is kept."""
    assert matches("accept for any", "listen on lo port\n") == ["for any", "from auth for any"]


@pytest.mark.parametrize("table", ["table t { local, 10.0.0.0/8 }", "table t { Local = x }"])
def test_table_with_the_word_local_takes_those_who_log_in(table: str) -> None:
    """The entry `local` of a table means whoever is compared as that word."""
    listeners = f"{table}\n{WITH_LOGIN}"
    assert matches("accept from source <t>", listeners) == ["from src <t>", "from auth"]
    assert matches("accept from ! source <t>", listeners) == ["!from src <t> !auth"]
    assert matches("accept authenticated from source { local }", listeners) == ["from auth"]


@pytest.mark.parametrize("word", ["from any", "for any", "sender <s>", "recipient <s>"])
def test_criterion_given_twice_is_an_error(word: str) -> None:
    """The client, the domain, the sender and the recipient are asked once."""
    found = translated(f"accept {word} {word}\n")
    assert found.codes == [f"duplicate-criterion: {word}"]


def test_later_tag_replaces_the_earlier() -> None:
    """Of two `tagged` the second holds, and the first is pointed at."""
    found = translated("accept tagged A tagged B for any relay\n")
    assert found.matches == ["tag B for any"]
    assert found.codes == ["overwritten-criterion: tagged A"]


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        ("accept from ! any", "from ! any"),
        ("accept authenticated from source <t>", "from source <t>"),
        ("accept authenticated from ! local", "from ! local"),
    ],
)
def test_rule_that_never_applies_is_reported(rule: str, where: str) -> None:
    """A rule for nobody is left out with a warning that points at the client it asks for."""
    found = translated(rule + " for any relay\n")
    assert found.codes == [f"impossible-pattern: {where}"]
    assert found.lines == []


# ---------------------------------------------------------------- exactly the same clients


class Client(NamedTuple):
    """Who asks: by what the two generations look at."""

    address: str | None
    """None for the local socket and for addresses that an expansion led to."""
    logged_in: bool
    is_internal: bool = False


# An authenticated client of the network, and the session behind an expanded address, come with either flag.
CLIENTS = [
    Client("198.51.100.7", logged_in=False),
    Client("192.0.2.7", logged_in=False),
    Client("127.0.0.1", logged_in=False),
    Client("198.51.100.7", logged_in=True),
    Client("192.0.2.7", logged_in=True),
    Client("127.0.0.1", logged_in=True),
    Client(None, logged_in=True),
    Client(None, logged_in=True, is_internal=True),
    Client(None, logged_in=False, is_internal=True),
]


def legacy_key(client: Client) -> str:
    """Return what `from` compared up to 6.3."""
    return "local" if client.logged_in or client.address is None else client.address


def takes(kind: str, key: str) -> bool:
    """Whether *key* is one of *kind*: any, local, or a list of addresses."""
    if kind == "any":
        return True
    return key in {"local", "127.0.0.1"} if kind == "local" else key in kind.split()


def legacy_applies(kind: str, login: bool | None, client: Client, *, negated: bool) -> bool:  # noqa: FBT001
    """Evaluate a legacy rule."""
    by_login = login is None or client.logged_in is login
    return by_login and takes(kind, legacy_key(client)) is not negated


def modern_applies(criterion: syntax.Criterion, client: Client) -> bool:
    """Evaluate one criterion of a modern rule."""
    match criterion.words:
        case ("auth",) | ("from", "auth"):
            answer = client.logged_in
        case ("from", "src"):
            assert isinstance(criterion.table, syntax.InlineList)
            answer = takes(" ".join(entry.text for entry in criterion.table.entries), client.address or "local")
        case (_, kind):
            answer = takes(kind, client.address or "local")
    return answer is not criterion.negated


# How `from` is written, and what it takes.
ORIGINS = {
    "any": "any",
    "local": "local",
    "source 192.0.2.7": "192.0.2.7",
    'source { 192.0.2.7, "local" }': "192.0.2.7 local",
}


@pytest.mark.parametrize("login", ["", "authenticated", "! authenticated"])
@pytest.mark.parametrize("origin", ["", *ORIGINS, *(f"! {origin}" for origin in ORIGINS)])
def test_same_clients_as_before(origin: str, login: str) -> None:
    """For every kind of client, some modern line applies exactly if the legacy rule did."""
    negated, kind = origin.startswith("!"), ORIGINS.get(origin.removeprefix("! "), "local")
    wanted = {"": None, "authenticated": True, "! authenticated": False}[login]
    rule = f"accept {login} {f'from {origin}' if origin else ''}\n"
    for listeners in ("listen on lo\n", WITH_LOGIN):
        config = translated(listeners + rule).config
        lines = [each for each in config.statements if isinstance(each, syntax.Match)]
        for client in CLIENTS:
            # Where no listener offers `auth`, nobody on the network is authenticated.
            if listeners == WITH_LOGIN or not (client.logged_in and client.address):
                before = legacy_applies(kind, wanted, client, negated=negated)
                assert any(applies(line, client) for line in lines) is before, client


def applies(rule: syntax.Match, client: Client) -> bool:
    """Evaluate a modern rule, with the `from local` that it implies."""
    asked = [modern_applies(criterion, client) for criterion in rule.criteria]
    has_origin = any(criterion.words[0] == "from" for criterion in rule.criteria)
    return all(asked) and (has_origin or takes("local", client.address or "local"))
