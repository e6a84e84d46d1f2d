"""What is sealed comes back as it was, and nothing else does."""

from __future__ import annotations

import io
import zlib
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtpdsl.runtime.credentials.secret import Secret
from smtpdsl.runtime.sealing.cipher import FRAME_OCTETS
from smtpdsl.runtime.sealing.keys import Key, Keys
from smtpdsl.runtime.sealing.seal import Entry, Kind, SealError, checksum, is_known, key_number_of
from smtpdsl.runtime.sealing.seals import SealedOctets, Seals
from smtpdsl.runtime.sealing.streams import PIECE_OCTETS, decoded

KEY, OLD = Key(Secret(b"k" * 32)), Key(Secret(b"o" * 32))
KINDS = {
    "plain": Seals(),
    "compressed": Seals(compresses=True),
    "encrypted": Seals(Keys(KEY)),
    "both": Seals(Keys(KEY), compresses=True),
}
ENTRY = Entry(Kind.MESSAGE, 77, b"beside")
# Every one that differs in one part.
OTHERS = [ENTRY._replace(kind=Kind.CONTENT), ENTRY._replace(number=78), ENTRY._replace(beside=b"besides")]
LONG = b"".join(b"line %d\n" % number for number in range(40_000))


@pytest.fixture(params=KINDS, name="seals")
def _seals(request: pytest.FixtureRequest) -> Seals:
    return KINDS[str(request.param)]


@given(octets=st.binary(), text=st.text(st.characters(max_codepoint=127)), seals=st.sampled_from(list(KINDS.values())))
def test_round_trip(octets: bytes, text: str, seals: Seals) -> None:
    """Of octets and of texts, in every form; and each is read whatever the settings are by then."""
    reader = Seals(Keys(OLD, [KEY]), compresses=True)
    # Facts begin with a brace only when they have no checksum.
    stored = seals.seal_text(ENTRY, text)

    assert reader.open_octets(ENTRY, seals.seal_octets(ENTRY, octets)) == octets
    assert reader.open_text(ENTRY, stored) == text


def test_what_is_compressed_is_smaller() -> None:
    """Before it is encrypted; what does not become smaller stays as it is."""
    assert len(KINDS["both"].seal_octets(ENTRY, LONG).octets) < len(LONG) // 2
    assert KINDS["compressed"].seal_octets(ENTRY, b"abc") == KINDS["plain"].seal_octets(ENTRY, b"abc")


def test_nothing_of_it_can_be_seen() -> None:
    """Neither in texts nor in octets; and no two entries look alike."""
    seals = KINDS["encrypted"]
    found = {seals.seal_octets(ENTRY, LONG).octets for _ in range(3)} | {seals.seal_text(ENTRY, "line 1").encode()}

    assert len(found) == 4
    assert not any(b"line" in each for each in found)


def test_every_octet_of_a_text_counts(seals: Seals) -> None:
    """One bit, anywhere, and the entry is damaged: also in its form and in its checksum."""
    stored = seals.seal_text(ENTRY, '{"v":2,"from":["joe","example.org"]}')
    for position, bit in product(range(len(stored)), range(7)):
        spoiled = stored[:position] + chr(ord(stored[position]) ^ 1 << bit) + stored[position + 1 :]
        if not spoiled.startswith("{"):
            with pytest.raises(SealError):
                seals.open_text(ENTRY, spoiled)
    for length in range(len(stored)):
        with pytest.raises(SealError):
            seals.open_text(ENTRY, stored[:length])


def test_every_octet_of_octets_counts(seals: Seals) -> None:
    """So do the form and the checksum."""
    sealed = seals.seal_octets(ENTRY, b"some octets, some octets, some octets, some octets")
    octets = sealed.octets
    spoiled = [octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :] for at in range(len(octets))]
    damaged = [sealed._replace(octets=each) for each in (*spoiled, octets[:-1], octets + b"x", b"")]
    damaged += [sealed._replace(form=each) for each in (sealed.form ^ 1, sealed.form | 4, -1, 2**62)]
    damaged += [sealed._replace(digest=bytes(16))]

    for each in damaged:
        with pytest.raises(SealError):
            seals.open_octets(ENTRY, each)


def test_entries_cannot_be_swapped(seals: Seals) -> None:
    """The place of an entry is a part of what is sealed; without a checksum too, if it is encrypted."""
    text, sealed = seals.seal_text(ENTRY, "text"), seals.seal_octets(ENTRY, b"octets")
    for other in OTHERS:
        with pytest.raises(SealError):
            seals.open_text(other, text)
        with pytest.raises(SealError):
            seals.open_octets(other, sealed)
        if key_number_of(sealed.form) is not None:
            with pytest.raises(SealError, match="changed or cut off"):
                seals.open_octets(other, sealed._replace(digest=b""))


def test_without_the_key() -> None:
    """The text names the key, by a number that says nothing else of it; nobody prints it."""
    sealed = KINDS["encrypted"].seal_octets(ENTRY, b"octets")
    with pytest.raises(SealError, match=rf"^it needs the key {KEY.number:08x}$"):
        Seals(Keys(OLD)).open_octets(ENTRY, sealed)

    assert KEY.number != OLD.number
    assert "kkkk" not in repr([KEY, KINDS["encrypted"], KEY.of(ENTRY)])


@pytest.mark.parametrize("body", ["abc", "YWJj"])
def test_a_right_checksum_of_nonsense(body: str) -> None:
    """Anybody can make one: no base64, or nothing that was compressed, is damage like any other."""
    text = f"1.{checksum(ENTRY, 1, body.encode()).hex()[:16]}.{body}"
    with pytest.raises(SealError):
        Seals().open_text(ENTRY, text)


def test_what_an_older_version_wrote() -> None:
    """It has no checksum, and is read as it is."""
    assert Seals().open_text(ENTRY, '{"v":2}') == '{"v":2}'
    assert Seals().open_octets(ENTRY, SealedOctets(b"octets", 0, b"")) == b"octets"


# ---------------------------------------------------------------- streams


def sealed_file(seals: Seals, octets: bytes, step: int) -> tuple[bytes, int]:
    """Return what a file has of *octets* that come *step* by step, and its form."""
    sealer = seals.file_sealer(ENTRY)
    stored = b"".join(sealer.update(octets[at : at + step]) for at in range(0, len(octets), step))
    stored += sealer.finish()
    return stored, sealer.seal.form


def opened(stored: bytes, form: int) -> bytes:
    """Return what a file holds."""
    key = KEY.of(ENTRY) if key_number_of(form) is not None else None
    return b"".join(decoded(form, key, io.BytesIO(stored).read))


@pytest.mark.parametrize("size", [0, 1, FRAME_OCTETS - 1, FRAME_OCTETS, FRAME_OCTETS + 1, 3 * FRAME_OCTETS])
def test_a_file_of_any_length(seals: Seals, size: int) -> None:
    """Whatever the pieces are in which it comes."""
    octets = (LONG * 2)[:size]
    for step in (4096, FRAME_OCTETS, 100_000):
        assert opened(*sealed_file(seals, octets, step)) == octets


def test_frames_have_their_places() -> None:
    """None can be lost, repeated, swapped or put at the end; and none comes from another file."""
    seals = KINDS["encrypted"]
    stored, form = sealed_file(seals, LONG, 65536)
    frame = FRAME_OCTETS + 16
    salt, frames = stored[:16], [stored[at : at + frame] for at in range(16, len(stored), frame)]
    assert len(frames) > 4
    other = sealed_file(seals, LONG, 65536)[0][16 : 16 + frame]
    wrong = [
        frames[:-1],
        frames[1:],
        [frames[1], frames[0], *frames[2:]],
        [frames[0], *frames],
        [*frames, frames[-1]],
        [other, *frames[1:]],
        [*frames[:2], frames[-1]],
        [],
        [frames[0][:15]],
    ]

    for each in wrong:
        with pytest.raises(SealError):
            opened(salt + b"".join(each), form)


def test_nothing_comes_of_a_frame_that_was_changed() -> None:
    """What comes before it may be used, for it is authentic."""
    stored, form = sealed_file(KINDS["encrypted"], LONG, 65536)
    at = len(stored) - 100
    pieces = decoded(form, KEY.of(ENTRY), io.BytesIO(stored[:at] + b"!!" + stored[at + 2 :]).read)
    found = b""

    def read() -> None:
        nonlocal found
        for piece in pieces:
            found += piece

    with pytest.raises(SealError):
        read()
    assert LONG.startswith(found)
    assert len(found) % FRAME_OCTETS == 0


def test_a_file_that_grows_much_comes_in_pieces() -> None:
    """A megabyte of zeros is a kilobyte in the file, and never whole in memory."""
    stored, form = sealed_file(KINDS["compressed"], bytes(8_000_000), 65536)
    pieces = list(decoded(form, None, io.BytesIO(stored).read))

    assert len(stored) < 10_000
    assert sum(map(len, pieces)) == 8_000_000
    assert max(map(len, pieces)) <= PIECE_OCTETS


@pytest.mark.parametrize("change", [slice(0, -1), slice(0, 20), slice(1, None), slice(0, 0)])
def test_a_compressed_file_that_was_cut(change: slice) -> None:
    """Its end is missed."""
    stored, form = sealed_file(KINDS["compressed"], LONG, 65536)
    assert zlib.decompress(stored, wbits=31) == LONG
    for each in (stored[change], stored + b"x"):
        with pytest.raises(SealError):
            opened(each, form)


def test_forms_that_nobody_has_written() -> None:
    """A later version may; this one guesses nothing."""
    assert [form for form in range(-3, 600) if is_known(form)] == [0, 1, 2, 3, 0x102, 0x103, 0x202, 0x203]
    assert not is_known(1 << 40 | 2)
    with pytest.raises(SealError, match="in the form 4,"):
        opened(b"", 4)
