"""Programs that answer for a table: what they say, and what is made of those that do not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from smtpdsl.ir.table_file import Service
from smtpdsl.runtime.tables.table_program import TableLimits, TableProgram, TableUnavailableError
from tests.runtime.tables.asked import LIMITS, PATIENT, Log, asking

T = TypeVar("T")


def asked(
    folder: Path,
    ask: Callable[[TableProgram], Awaitable[T]],
    *options: str,
    limits: TableLimits = PATIENT,
    log: Log | None = None,
) -> T:
    """Start a program, and return what *ask* returns."""

    async def run() -> T:
        async with asking(folder, *options, limits=limits, log=log) as program:
            return await ask(program)

    return asyncio.run(run())


def test_a_program_is_asked(tmp_path: Path) -> None:
    """Look-ups, checks and fetches, of which the last take turns."""

    async def ask(program: TableProgram) -> list[object]:
        return [
            await program.lookup(Service.ALIAS, "joe"),
            await program.lookup(Service.ALIAS, "pipe"),
            await program.lookup(Service.ALIAS, "nobody"),
            await program.check(Service.DOMAIN, "here.example"),
            await program.check(Service.DOMAIN, "far.example"),
            [await program.fetch(Service.SOURCE) for _ in range(3)],
            await program.fetch(Service.RELAYHOST),
            await program.offers(Service.USERINFO),
            await program.offers(Service.AUTH),
        ]

    sources = ["192.0.2.1", "192.0.2.2", "192.0.2.1"]
    assert asked(tmp_path, ask) == ["ann, ben", "a|b", None, True, False, sources, None, True, False]


def test_answers_may_come_in_any_order(tmp_path: Path) -> None:
    """Each goes to whoever has asked for it; more are asked at once than the program may have."""
    keys = ["joe", "nobody"] * 20

    async def ask(program: TableProgram) -> list[str | None]:
        return await asyncio.gather(*(program.lookup(Service.ALIAS, key) for key in keys))

    assert asked(tmp_path, ask, "reversed") == ["ann, ben", None] * 20


def test_what_was_changed_is_there_after_an_update(tmp_path: Path) -> None:
    """And not before."""

    async def ask(program: TableProgram) -> list[str | None]:
        before = await program.lookup(Service.ALIAS, "new")
        with (tmp_path / "entries").open("a") as entries:
            entries.write("alias new ann\n")
        between = await program.lookup(Service.ALIAS, "new")
        await program.update()
        return [before, between, await program.lookup(Service.ALIAS, "new")]

    assert asked(tmp_path, ask) == [None, None, "ann"]


async def refusal(question: Awaitable[object]) -> str:
    """Return why *question* is not answered."""
    with pytest.raises(TableUnavailableError) as refused:
        await question
    return str(refused.value)


@pytest.mark.parametrize(
    ("misdeed", "why", "logged"),
    [
        ("die", "the program was ended by SIGKILL", "was ended by SIGKILL"),
        ("hang", "no answer within 0.3 seconds", "gives no answer within 0.3 seconds"),
        (
            "nonsense",
            "the program is ended: it says something that is no answer",
            "it says something that is no answer",
        ),
        ("wrong-id", "the program is ended: it answers what it was not asked", "it answers what it was not asked"),
        ("flood", "the program is ended: it wrote a line of more than 262144 octets", "it wrote a line of more than"),
        ("flood-lines", "the program is ended: it answers what it was not asked", "it answers what it was not asked"),
    ],
)
def test_a_program_that_misbehaves_fails_the_question_and_is_started_again(
    tmp_path: Path, misdeed: str, why: str, logged: str
) -> None:
    """Nobody waits for ever, the log names table and reason, and the next question has its answer."""
    log = Log()

    async def ask(program: TableProgram) -> tuple[str, str | None]:
        failed = await refusal(program.lookup(Service.ALIAS, misdeed))
        async with asyncio.timeout(20):
            while True:
                try:
                    return failed, await program.lookup(Service.ALIAS, "joe")
                except TableUnavailableError:
                    # The hanging one is not ended yet.
                    continue

    limits = LIMITS if misdeed == "hang" else PATIENT
    assert asked(tmp_path, ask, limits=limits, log=log) == (why, "ann, ben")
    assert [line for line in log.lines if "<t> cannot be asked" in line and why in line]
    assert [line for line in log.lines if '"table t"' in line and logged in line]


def test_an_answer_that_does_not_come_fails_one_question(tmp_path: Path) -> None:
    """Others are answered meanwhile, and the program goes on: it was not the one that hangs."""
    log = Log()

    async def ask(program: TableProgram) -> tuple[str, bool]:
        await program.offers(Service.ALIAS)
        silence = asyncio.ensure_future(refusal(program.lookup(Service.ALIAS, "silence")))
        answers = []
        while not silence.done():
            answers.append(await program.lookup(Service.ALIAS, "joe"))
        return await silence, set(answers) == {"ann, ben"}

    assert asked(tmp_path, ask, limits=LIMITS, log=log) == ("no answer within 0.3 seconds", True)
    assert not [line for line in log.lines if "started again" in line]


def test_an_answer_that_comes_too_late_harms_nobody(tmp_path: Path) -> None:
    """Who has asked is gone; the answer is dropped, and is no nonsense."""
    log = Log()

    async def ask(program: TableProgram) -> list[str | None]:
        first = asyncio.ensure_future(program.lookup(Service.ALIAS, "joe"))
        await program.offers(Service.ALIAS)
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait({first})
        # The first one is answered after the second, and before the last two.
        last = await program.lookup(Service.ALIAS, "pipe")
        return [last, *await asyncio.gather(*(program.lookup(Service.ALIAS, key) for key in ("joe", "pipe")))]

    assert asked(tmp_path, ask, "reversed", log=log) == ["a|b", "ann, ben", "a|b"]
    assert not [line for line in log.lines if "started again" in line]


def test_an_error_is_no_answer(tmp_path: Path) -> None:
    """What the program says of it is in the log."""
    log = Log()
    why = "the program reports an error: no such relation"

    assert asked(tmp_path, lambda program: refusal(program.lookup(Service.ALIAS, "broken")), log=log) == why
    assert log.lines == [f"the table <t> cannot be asked: `lookup alias`: {why}"]


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("dies-at-once", "the program exited with status 3"),
        ("never-ready", "the program was not ready within 0.3 seconds"),
    ],
)
def test_a_program_that_does_not_begin_is_not_waited_for(tmp_path: Path, option: str, why: str) -> None:
    """It may be there again later, and until then what needs it fails for now."""
    limits = PATIENT._replace(ready_seconds=0.3) if option == "never-ready" else PATIENT

    assert asked(tmp_path, lambda program: refusal(program.lookup(Service.ALIAS, "joe")), option, limits=limits) == why


def test_a_program_that_ends_without_a_word_may_be_of_another_time(tmp_path: Path) -> None:
    """Which is told once, though it is started again."""
    log = Log()

    async def ask(program: TableProgram) -> list[str]:
        return [await refusal(program.lookup(Service.ALIAS, "joe")) for _ in range(2)]

    assert asked(tmp_path, ask, "dies-at-once", log=log) == ["the program exited with status 3"] * 2
    assert len([line for line in log.lines if "7.5 or earlier" in line]) == 1


def test_a_key_with_a_line_in_it_is_never_asked_for(tmp_path: Path) -> None:
    """Neither the program nor the log gets it."""
    log = Log()

    async def ask(program: TableProgram) -> list[str | None]:
        with pytest.raises(TableUnavailableError):
            await program.check(Service.AUTH, "ann:secret\ntable|0.1|0|t|update|00000000")
        return [await program.lookup(Service.ALIAS, "joe")]

    assert asked(tmp_path, ask, log=log) == ["ann, ben"]
    assert "secret" not in "".join(log.lines)


def test_who_waits_when_the_server_stops_is_told(tmp_path: Path) -> None:
    """Nothing is left that waits."""

    async def run() -> str:
        async with asking(tmp_path, limits=PATIENT) as program:
            await program.offers(Service.ALIAS)
            waiting = asyncio.ensure_future(refusal(program.lookup(Service.ALIAS, "silence")))
            await program.lookup(Service.ALIAS, "joe")
        return await waiting

    assert asyncio.run(run()).startswith("the program ")
