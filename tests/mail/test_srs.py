"""Senders that SRS has rewritten; `tests/differential/test_srs.py` asks OpenSMTPD about them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.mail.address import Mailbox
from smtpdsl.mail.srs import Srs, SrsError, is_srs
from tests.mail.test_address import mailboxes

DAY = 24 * 3600
NOW = 1_790_000_000.0
OURS = Srs(key="secret", backup="older", days=4)
ANN = Mailbox.parse("ann@away.example")
# As OpenSMTPD writes them, with this key on this day.
SRS0 = "SRS0=Lb3-=HN=away.example=ann@here.example"
SRS1 = "SRS1=EuvP=there.example==abcd=AA=a.example=ann@here.example"


@pytest.mark.parametrize(
    ("sender", "rewritten"),
    [
        ("ann@away.example", SRS0),
        ("SRS0=abcd=AA=a.example=ann@there.example", SRS1),
        ("srs0=abcd=AA=a.example=ann@there.example", SRS1),
        (SRS1.replace("EuvP", "hhhh").replace("@here", "@between"), SRS1),
        (SRS1.replace("EuvP=", "hhhh-").replace("@here", "@between"), SRS1),
        # What only looks like one has no hash that could be replaced.
        ("SRS1=x@there.example", "SRS1=x@there.example"),
        ("SRS1=hhhhhhhh=x@there.example", "SRS1=hhhhhhhh=x@there.example"),
    ],
)
def test_a_sender_is_rewritten(sender: str, rewritten: str) -> None:
    """To SRS0 the first time, and to SRS1 ever after, whatever the number of servers in between."""
    assert str(OURS.encode(Mailbox.parse(sender), "Here.Example", NOW)) == rewritten


def test_an_address_that_would_be_too_long_stays_as_it_is() -> None:
    """No server would take the other one."""
    longest = Mailbox(local_part="x" * 229, domain="away.example")

    assert len(OURS.encode(longest, "here.example", NOW).local_part) == 255
    assert OURS.encode(longest.replace(local_part="x" * 230), "here.example", NOW).local_part == "x" * 230


@given(sender=mailboxes("éß日"), now=st.integers(0, 4 * 10**9), later=st.integers(0, 4 * DAY - DAY))
def test_a_report_finds_its_way_back(sender: Mailbox, now: int, later: int) -> None:
    """For as many days as the addresses live, also over the day on which the count begins anew."""
    rewritten = OURS.encode(sender, "here.example", now)

    assert is_srs(rewritten)
    assert Mailbox.parse(str(rewritten), utf8=True) == rewritten
    assert OURS.decode(rewritten, now + later) == sender


@given(sender=mailboxes(), now=st.integers(0, 4 * 10**9))
def test_a_report_goes_to_whoever_has_rewritten_first(sender: Mailbox, now: int) -> None:
    """And that server knows the way from there."""
    there = Srs(key="theirs", days=4)
    first = there.encode(sender, "there.example", now)
    second = Srs(key="others", days=4).encode(first, "between.example", now)
    third = OURS.encode(second, "here.example", now)

    assert OURS.decode(third, now) == first
    assert there.decode(first, now) == sender


@pytest.mark.parametrize(("days", "is_believed"), [(-2, False), (-1, True), (0, True), (4, True), (5, False)])
def test_addresses_live_for_some_days(days: int, is_believed: bool) -> None:  # noqa: FBT001 - a row of the table
    """Those of a clock that was a day ahead are taken; the day counts in both kinds."""
    inner = Srs(key="theirs", days=4).encode(ANN, "there.example", NOW)
    for rewritten in (OURS.encode(ANN, "here.example", NOW), OURS.encode(inner, "here.example", NOW)):
        found = OURS.returned(rewritten, NOW + days * DAY)
        assert isinstance(found, Mailbox) is is_believed
        assert is_believed or "days old, and is believed for 4" in str(found)


def test_both_keys_are_known_and_no_other() -> None:
    """The one before is read, and not written with any more."""
    old = Srs(key="older", days=4).encode(ANN, "here.example", NOW)

    assert OURS.decode(old, NOW) == ANN
    assert OURS.encode(ANN, "here.example", NOW) != old
    assert OURS.replace(backup=None).returned(old, NOW) == "its hash was not made with a key of this server"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("SRS0@here.example", None),
        ("SRS2=Lb3-=HN=away.example=ann@here.example", None),
        (SRS0.replace("Lb3-", "lb3-"), "its hash"),
        (SRS0.replace("@here", "@elsewhere"), "its hash"),
        (SRS0.replace("ann", "eve"), "its hash"),
        (SRS0.replace("HN", "HO"), "its hash"),
        ("SRS0=Lb3@here.example", "parts of it are missing"),
        ("SRS0=a=b=c@here.example", "parts of it are missing"),
        ("SRS1==@here.example", "parts of it are missing"),
        ("SRS1=EuvP=there.example@here.example", "parts of it are missing"),
    ],
)
def test_what_is_not_ours_is_not_read(address: str, reason: str | None) -> None:
    """Upper case matters in a hash, and every octet that it was made of; None is no such address at all."""
    found = OURS.returned(Mailbox.parse(address), NOW)

    assert found is reason is None or (isinstance(found, str) and found.startswith(str(reason)))


@pytest.mark.parametrize("signed", ["HN==ann", "HN=away.example=", "HN=away..example=ann", "hn=away.example=ann"])
def test_what_a_hash_is_made_of_may_be_no_address(signed: str) -> None:
    """Whoever has the key can write what they like; we do not."""
    # SRS1 is signed without a look at what it holds.
    hashed = OURS.encode(Mailbox(local_part=f"SRS1=hhhh={signed}", domain="x.example"), "here.example", NOW)
    forged = hashed.replace(local_part=hashed.local_part.replace("SRS1", "SRS0"))

    with pytest.raises(SrsError):
        OURS.decode(forged, NOW)


def test_keys_are_not_shown() -> None:
    """Wherever the value ends up."""
    assert repr(OURS) == "Srs(days=4)"


@given(text=st.text(st.characters(codec="utf-8"), max_size=60), now=st.floats(0, 1e10))
def test_nothing_but_a_refusal_comes_of_anything(text: str, now: float) -> None:
    """Whatever stands in an address."""
    for tag in ("SRS0=", "SRS1="):
        found = OURS.returned(Mailbox(local_part=tag + text, domain="here.example"), now)
        assert isinstance(found, str)
        assert isinstance(OURS.encode(Mailbox(local_part=tag + text, domain="a.example"), "b.example", now), Mailbox)
