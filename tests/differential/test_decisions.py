"""What becomes of mail: Debian's OpenSMTPD, `smtpdsl explain` and the server of this checkout are asked the same.

Every configuration of `corpus` is served twice, each time on a machine of its own, and the envelopes
written in it are sent to both.  `differences.py` has the answers that are not the same, with reasons.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import RequirePeer
from tests.differential.answers import Answer
from tests.differential.configurations import Configuration, configurations
from tests.differential.differences import DIFFERENCES
from tests.differential.explaining import Explainer
from tests.differential.machines import Country, country
from tests.differential.servers import Ours, ask_opensmtpd, ask_ours
from tests.peers import Peer

CONFIGURATIONS = {each.name: each for each in configurations()}
# Of machines at the same time: they wait more than they work.
_AT_ONCE = 4

every_configuration = pytest.mark.parametrize("configuration", CONFIGURATIONS.values(), ids=lambda each: each.name)


class Answers(NamedTuple):
    """What everybody says, one answer for each envelope."""

    theirs: Future[list[Answer]]
    ours: Future[Ours]


@pytest.fixture(scope="module")
def answers(
    request: pytest.FixtureRequest, require_peer: RequirePeer, private_namespaces: None
) -> Iterator[Mapping[str, Answers]]:
    """Ask about every configuration that a test of this run wants."""
    del private_namespaces
    peer = require_peer("opensmtpd")
    wanted = [item.callspec.params.get("configuration") for item in request.session.items if hasattr(item, "callspec")]
    with tempfile.TemporaryDirectory(prefix="smtpdsl-") as folder:
        # The accounts of the servers have to pass.
        Path(folder).chmod(0o755)
        with country(Path(folder)) as land, Explainer() as explainer, ThreadPoolExecutor(_AT_ONCE) as pool:
            yield {
                each.name: _submit(pool, land, peer, explainer, each)
                for each in wanted
                if isinstance(each, Configuration)
            }


def _submit(
    pool: ThreadPoolExecutor, land: Country, peer: Peer, explainer: Explainer, configuration: Configuration
) -> Answers:
    name, envelopes = configuration.name, configuration.envelopes
    theirs = land.machine(f"{name}-opensmtpd", configuration)
    ours = land.machine(f"{name}-smtpdsl", configuration)
    return Answers(
        pool.submit(ask_opensmtpd, land, peer, theirs, envelopes),
        pool.submit(ask_ours, land, explainer, ours, envelopes),
    )


@every_configuration
def test_everybody_decides_the_same(configuration: Configuration, answers: Mapping[str, Answers]) -> None:
    """OpenSMTPD, `explain` and the server, but for the listed differences, each of which is there."""
    theirs = answers[configuration.name].theirs.result()
    explained, served = answers[configuration.name].ours.result()
    listed = DIFFERENCES.get(configuration.name, {})
    rows = zip(configuration.envelopes, theirs, explained, served, strict=True)

    wrong = [
        f"{envelope.line}\n    OpenSMTPD  {one}\n    explain    {two}\n    smtpdsl    {three}"
        for envelope, one, two, three in rows
        if not two.is_like(three) or (one == three) is (envelope.line in listed)
    ]
    assert not wrong, "\n".join(["not as listed:", *wrong])


def test_every_listed_difference_is_about_an_envelope() -> None:
    """And has a reason."""
    for name, listed in DIFFERENCES.items():
        lines = {envelope.line for envelope in CONFIGURATIONS[name].envelopes}
        assert not listed.keys() - lines, f"{name} has no such envelope"
        assert all(listed.values())


def test_the_corpus_is_as_large_as_it_should_be() -> None:
    """At least 30 configurations, and at least 10 envelopes for each."""
    assert len(CONFIGURATIONS) >= 30
    assert {name for name, each in CONFIGURATIONS.items() if len(each.envelopes) < 10} == set()


def test_every_reason_is_documented() -> None:
    """What a reason quotes stands in the document."""
    document = " ".join((Path(__file__).parents[2] / "docs/compatibility.md").read_text(encoding="utf-8").split())
    reasons = {reason for listed in DIFFERENCES.values() for reason in listed.values()}

    assert [reason for reason in reasons if reason.quoted not in document] == []
