"""The indexes find exactly the entries that `ir.matching` would find one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtpdsl.ir.class_index import examples, index_for
from smtpdsl.ir.matching import service_matches
from smtpdsl.ir.table_file import Service
from tests.properties.rulesets import keys

SERVICES = [Service.STRING, Service.DOMAIN, Service.MAILADDR, Service.NETADDR, Service.REGEX]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.value)
@settings(max_examples=settings().max_examples * 5)
@given(data=st.data())
def test_an_index_finds_what_comparing_one_by_one_finds(service: Service, data: st.DataObject) -> None:
    """Entries of several questions, as alike as they can be, and a key that is like them."""
    entries = data.draw(st.lists(st.tuples(keys(service), st.integers(0, 3)), max_size=8))
    index = index_for(service, "+")
    for entry, number in entries:
        index.add(entry, number)
    wanted = [*map(service_key, [entry for entry, _ in entries]), *index.keys()]
    drawn = keys(service) | st.text("aAbjoe+.@1:[]", max_size=10)
    for key in [*data.draw(st.lists(drawn, max_size=4)), *wanted]:
        expected = {number for entry, number in entries if service_matches(service, entry, key, "+")}

        assert index.find(key) == expected, key


def service_key(entry: str) -> str:
    """Make a key of an entry: one that it may match."""
    return entry.replace("*", "x")


@pytest.mark.parametrize(
    ("entries", "key", "found"),
    [
        (["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"], "10.1.2.3", {0, 1, 2}),
        (["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"], "10.1.3.3", {0, 1}),
        (["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"], "10.2.0.0", {0}),
        (["10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24"], "11.0.0.0", set()),
        (["255.255.255.255", "0.0.0.0/0"], "255.255.255.255", {0, 1}),
        (["::/0", "0.0.0.0/0"], "[::1]", {0}),
        (["::/0", "[FE80::1%eth0]"], "[fe80::1%eth0]", {1}),
        (["10.0.0.0/8"], "10.0.0.0/9", {0}),
        (["10.0.0.0/9"], "10.0.0.0/8", set()),
    ],
)
def test_networks_inside_of_networks(entries: list[str], key: str, found: set[int]) -> None:
    """An address is in every network around it, the last address of all included."""
    index = index_for(Service.NETADDR, "+")
    for number, entry in enumerate(entries):
        index.add(entry, number)

    assert index.find(key) == found


def test_examples_lead_to_every_set_of_questions() -> None:
    """One key for each range of networks that differ in what covers them, and for each text that stands for itself."""
    index = index_for(Service.NETADDR, "+")
    for number, entry in enumerate(["10.0.0.0/8", "10.1.0.0/16", "local", "2001:db8::/32"]):
        index.add(entry, number)

    assert {index.find(key) for key in examples(index)} == {
        frozenset(),
        frozenset({0}),
        frozenset({0, 1}),
        frozenset({2}),
        frozenset({3}),
    }
