"""Mail that an administrator has paused."""

from __future__ import annotations

from smtpdsl.runtime.relay.blocks import Blocks


def test_an_address_is_the_same_however_it_is_written() -> None:
    """Whoever pauses it need not write it as the configuration does."""
    blocks = Blocks()
    assert blocks.add("2001:DB8:0::1", "Far.Example")
    assert not blocks.add("2001:db8::1", "far.example")

    assert blocks.problem("2001:db8:0:0::1", "far.example") is not None
    assert blocks.problem("2001:db8::2", "far.example") is None
    assert [str(each) for each in blocks.all()] == ["2001:db8::1 -> far.example"]
    assert blocks.remove("2001:0db8::1", "far.example")
    assert blocks.problem("2001:db8::1", "far.example") is None
