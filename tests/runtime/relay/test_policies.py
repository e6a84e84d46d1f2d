"""Mail to domains with a policy: what is enforced, what is only tested, and what becomes of it in the reports."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from smtpdsl.runtime.interfaces import Outcome, Result
from tests.dns_server import Trouble as DnsTrouble
from tests.runtime.net.bad_peer import GOOD
from tests.runtime.relay.securing import DOMAIN, MX, OFFERED, WEB, Sender, Town, policy
from tests.runtime.web_server import Trouble, answer

OK, TEMPORARY, PERMANENT = Result.OK, Result.TEMPORARY, Result.PERMANENT


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """A domain with everything but a policy."""
    return Town(tmp_path)


def once(town: Town, options: str = "", *, requiretls: bool = False) -> tuple[Outcome, Sender]:
    """Send one message with *options* of the action."""

    async def scene(sender: Sender) -> tuple[Outcome, Sender]:
        await sender.restart(options)
        return await sender.send(requiretls=requiretls), sender

    return town.live(scene)


# ---------------------------------------------------------------- enforced


def test_who_keeps_to_the_policy_gets_the_message(town: Town) -> None:
    """Over TLS, with a certificate that is verified; the exchanger may be one that a star stands for."""
    town.publish("enforce", "*.away.test")

    async def scene(sender: Sender) -> None:
        assert (await sender.send()).result is OK
        assert len(sender.peer.secured) == 1
        assert any(line.startswith("mta cert-check result=valid ") for line in town.log.lines)
        assert await sender.policies() == [
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-domain": DOMAIN,
                    "policy-string": ["version: STSv1", "mode: enforce", "mx: *.away.test", "max_age: 604800"],
                    "mx-host": ["*.away.test"],
                },
                "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0},
            }
        ]

    town.live(scene)


VIOLATIONS = {
    "self-signed": ("self", OFFERED, "self-signed certificate", "certificate-not-trusted"),
    "another name": ("other", OFFERED, "Hostname mismatch", "certificate-host-mismatch"),
    "expired": ("old", OFFERED, "certificate has expired", "certificate-expired"),
    "no STARTTLS": ("mx", GOOD, "does not offer the TLS", "starttls-not-supported"),
    "STARTTLS refused": ("mx", {**OFFERED, "STARTTLS": {"reply": "454 no\r\n"}}, "454 no", "starttls-not-supported"),
    "no EHLO": ("mx", {**OFFERED, "EHLO": {"reply": "502 no\r\n"}}, "502 no", "starttls-not-supported"),
    "no handshake": ("mx", {**OFFERED, "tls": {"close": True}}, "connection was lost", "validation-failure"),
}


def violate(town: Town, which: str) -> tuple[str, str]:
    """Let the exchanger be one that does not keep to the policy; return the problem and how a report calls it."""
    town.tls.pair("self", MX)
    town.tls.pair("other", "other.test", by=town.authority)
    town.tls.pair("old", MX, by=town.authority, starts=-9, days=2)
    town.certificate, town.script, problem, result = VIOLATIONS[which]
    return problem, result


@pytest.mark.parametrize("which", VIOLATIONS)
def test_who_does_not_gets_nothing(town: Town, which: str) -> None:
    """The message waits, nothing of it is said, and everybody can read why."""
    town.publish("enforce")
    problem, result = violate(town, which)

    async def scene(sender: Sender) -> None:
        outcome = await sender.send()
        assert outcome.result is TEMPORARY
        assert problem in outcome.text
        assert outcome.text.startswith("mail goes only to who is verified (the domain has an MTA-STS policy): ")
        assert not {"MAIL", "HELO"} & set(sender.peer.verbs)
        assert sender.peer.connections == 1
        [line] = [line for line in town.log.lines if line.startswith("mta tls-policy ")]
        assert f"domain={DOMAIN} policy=sts result={result} " in line
        [found] = await sender.policies()
        assert found["summary"] == {"total-successful-session-count": 0, "total-failure-session-count": 1}
        [details] = found["failure-details"]
        assert details["result-type"] == result
        assert details["receiving-mx-hostname"] == MX
        assert details["receiving-ip"] == details["sending-mta-ip"] == "127.0.0.1"

    town.live(scene)


def test_an_exchanger_that_the_policy_does_not_name_is_not_spoken_to(town: Town) -> None:
    """Whoever forges the DNS can name any; of two the other one is used."""
    town.publish("enforce", "other.away.test")
    outcome, sender = once(town)
    assert (outcome.result, outcome.status, sender.peer.connections) == (TEMPORARY, "4.7.5", 0)
    assert outcome.text == f"the MTA-STS policy of {DOMAIN} does not name {MX} as one of its exchangers"

    town.zone[DOMAIN, "MX"] = [f"10 {WEB}.", f"20 {MX}."]
    town.publish("enforce", MX, identifier="2")
    outcome, sender = once(town)
    assert (outcome.result, sender.peer.connections) == (OK, 1)


# ---------------------------------------------------------------- tested


@pytest.mark.parametrize("which", VIOLATIONS)
def test_a_policy_that_is_tested_stops_nothing(town: Town, which: str) -> None:
    """What it demands and does not get is told and counted, and then the message goes as it would without."""
    town.publish("testing")
    problem, result = violate(town, which)

    async def scene(sender: Sender) -> None:
        assert (await sender.send()).result is OK
        assert len(sender.peer.messages) == 1
        assert len(sender.peer.secured) == (1 if which in {"self-signed", "another name", "expired"} else 0)
        [line] = [line for line in town.log.lines if line.startswith("mta tls-policy ")]
        assert f"domain={DOMAIN} policy=sts result={result} " in line
        assert problem in line or result == "starttls-not-supported"
        # The next message goes over the same session: nothing new is learned of TLS.
        assert (await sender.send()).result is OK
        [found] = await sender.policies()
        assert found["summary"] == {"total-successful-session-count": 0, "total-failure-session-count": 1}

    town.live(scene)


def test_a_policy_that_is_tested_and_kept(town: Town) -> None:
    """Is one that could be enforced."""
    town.publish("testing")
    outcome, sender = once(town)

    assert (outcome.result, sender.peer.connections) == (OK, 1)
    assert not [line for line in town.log.lines if line.startswith("mta tls-policy ")]


def test_a_tested_policy_that_does_not_name_the_exchanger(town: Town) -> None:
    """Stops nothing either."""
    town.publish("testing", "other.away.test")

    async def scene(sender: Sender) -> None:
        assert (await sender.send()).result is OK
        [found] = await sender.policies()
        assert found["failure-details"][0]["failure-reason-code"].endswith(
            f"does not name {MX} as one of its exchangers"
        )
        assert any("mta tls-policy " in line and "validation-failure" in line for line in town.log.lines)

    town.live(scene)


def test_a_session_of_a_test_is_none_for_who_has_to_be_sure(town: Town) -> None:
    """Though it began in the same way: the policy that is enforced by now asks for another one."""
    town.publish("testing")
    violate(town, "self-signed")

    async def scene(sender: Sender) -> None:
        assert (await sender.send()).result is OK
        assert (await sender.send(requiretls=True)).result is PERMANENT
        sender.dns.zone[f"_mta-sts.{DOMAIN}", "TXT"] = ['"v=STSv1; id=2"']
        sender.web.said = answer(policy("enforce", MX))
        town.clock.time += 400
        assert (await sender.send()).result is TEMPORARY
        assert len(sender.peer.messages) == 1

    town.live(scene)


# ---------------------------------------------------------------- without


def test_without_a_policy_whoever_answers_gets_the_message(town: Town) -> None:
    """Also with one that says so; it is counted all the same."""
    violate(town, "self-signed")

    async def scene(sender: Sender) -> None:
        assert (await sender.send()).result is OK
        assert await sender.policies() == [
            {
                "policy": {"policy-type": "no-policy-found", "policy-domain": DOMAIN},
                "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0},
            }
        ]

    town.live(scene)
    town.publish("none")
    assert once(town)[0].result is OK


HOSTILE: list[tuple[bytes | Trouble, str]] = [
    (answer("", status="404 Not Found"), "sts-policy-fetch-error"),
    (answer("", status="302 Found", more=f"Location: https://{WEB}/other\r\n"), "sts-policy-fetch-error"),
    (answer(policy("enforce", MX), media_type="text/html"), "sts-policy-invalid"),
    (answer("mode: enforce\n"), "sts-policy-invalid"),
    (answer("\x00" * 99), "sts-policy-invalid"),
    (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n\xff\xfe", "sts-policy-invalid"),
    (Trouble.ENDLESS_BODY, "sts-policy-fetch-error"),
    (Trouble.END, "sts-policy-fetch-error"),
]


@pytest.mark.parametrize(("said", "result"), HOSTILE)
def test_a_policy_that_cannot_be_had_is_none(town: Town, said: bytes | Trouble, result: str) -> None:
    """The message goes, the log has it, and so has the report."""
    town.publish("enforce")
    town.said = said

    async def scene(sender: Sender) -> None:
        assert (await sender.send()).result is OK
        assert any(line.startswith(f"warn: the MTA-STS policy of {DOMAIN} cannot be had: ") for line in town.log.lines)
        found = {each["policy"]["policy-type"]: each for each in await sender.policies()}
        assert found["sts"]["failure-details"][0]["result-type"] == result
        assert found["no-policy-found"]["summary"]["total-successful-session-count"] == 1

    town.live(scene)


def test_a_server_of_policies_has_to_prove_its_name(town: Town) -> None:
    """Or there is no policy."""
    town.publish("enforce", "other.test")
    town.tls.pair("web", "other.test", by=town.authority)

    async def scene(sender: Sender) -> None:
        assert (await sender.send()).result is OK
        found = {each["policy"]["policy-type"]: each for each in await sender.policies()}
        assert found["sts"]["failure-details"][0]["result-type"] == "sts-webpki-invalid"

    town.live(scene)


def test_a_slow_server_of_policies_keeps_no_other_domain_waiting(town: Town) -> None:
    """Its own waits, but not for ever (`HttpsClient` has a limit)."""
    town.publish("enforce")
    town.said = Trouble.SILENCE
    town.zone["other.test", "MX"] = [f"10 {MX}."]

    async def scene(sender: Sender) -> None:
        slow = asyncio.ensure_future(sender.send())
        await sender.web.hear(1)
        assert (await sender.send("other.test")).result is OK
        assert not slow.done()
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)

    town.live(scene)


def test_what_is_known_is_enforced_though_nobody_can_tell_any_more(town: Town) -> None:
    """Over a restart, without the DNS record and without the server; until another id says otherwise."""
    town.publish("enforce")

    async def scene(sender: Sender) -> None:
        assert (await sender.send()).result is OK
        sender.web.said = Trouble.END
        sender.dns.zone[f"_mta-sts.{DOMAIN}", "TXT"] = DnsTrouble.SERVFAIL
        sender.dns.zone[DOMAIN, "MX"] = [f"10 {WEB}."]
        await sender.restart()
        outcome = await sender.send()
        assert (outcome.result, sender.peer.connections) == (TEMPORARY, 1)
        assert "does not name mta-sts.away.test" in outcome.text
        sender.dns.zone[f"_mta-sts.{DOMAIN}", "TXT"] = ['"v=STSv1; id=2"']
        sender.web.said = answer(policy("none"))
        town.clock.time += 4000
        assert (await sender.send()).result is OK

    town.live(scene)


# ---------------------------------------------------------------- DANE


def test_records_of_the_zone_come_before_a_policy(town: Town) -> None:
    """RFC 8461 §2: whoever fits them gets the message, whatever the policy says of it, and nobody else."""
    town.publish("enforce", "other.away.test")
    violate(town, "self-signed")

    async def scene(sender: Sender) -> None:
        sender.sign("self")
        assert (await sender.send()).result is OK
        [found] = await sender.policies()
        assert (found["policy"]["policy-type"], found["policy"]["policy-domain"]) == ("tlsa", DOMAIN)
        assert found["policy"]["mx-host"] == [MX]
        [record] = found["policy"]["policy-string"]
        assert record.startswith(f"_{sender.peer.port}._tcp.{MX}. IN TLSA 3 0 1 ")
        assert found["summary"] == {"total-successful-session-count": 1, "total-failure-session-count": 0}

    town.live(scene)


def test_a_policy_is_no_way_out(town: Town) -> None:
    """A certificate that an authority has signed, and the zone does not know, is the wrong one."""
    town.publish("enforce")
    town.tls.pair("self", MX)

    async def scene(sender: Sender) -> None:
        sender.sign("self")
        outcome = await sender.send()
        assert (outcome.result, sender.peer.connections) == (TEMPORARY, 1)
        assert outcome.text.startswith(f"mail goes only to who is verified ({MX} has TLSA records): ")
        assert not {"MAIL", "HELO"} & set(sender.peer.verbs)
        assert any("mta tls-policy " in line and " policy=tlsa " in line for line in town.log.lines)
        [found] = await sender.policies()
        assert found["failure-details"][0]["result-type"] == "validation-failure"

    town.live(scene)


def test_what_is_remembered_of_a_server_names_no_domain(town: Town) -> None:
    """Mail for others meets it, too."""
    town.tls.pair("self", MX)
    town.zone["next.test", "MX"] = [f"10 {MX}."]

    async def scene(sender: Sender) -> None:
        sender.sign("self")
        first, next_one = await sender.send(), await sender.send("next.test")
        assert next_one.text == f"{first.text} (some seconds ago)"
        assert (next_one.result, sender.peer.connections) == (TEMPORARY, 1)
        assert MX in first.text
        assert DOMAIN not in first.text.replace(MX, "")

    town.live(scene)


def test_a_session_without_demands_is_none_for_records(town: Town) -> None:
    """It waits for another message, and that one has to be verified now."""
    violate(town, "self-signed")
    town.tls.pair("mx", MX, by=town.authority)

    async def scene(sender: Sender) -> None:
        assert (await sender.send()).result is OK
        sender.sign("mx")
        town.clock.time += 400
        assert (await sender.send()).result is TEMPORARY
        assert (sender.peer.connections, len(sender.peer.messages)) == (2, 1)
        sender.sign("self")
        town.clock.time += 400
        assert (await sender.send()).result is OK
        assert (sender.peer.connections, len(sender.peer.messages)) == (3, 2)

    town.live(scene)


# ---------------------------------------------------------------- what the action demands


def test_what_the_action_demands_and_the_domain_does_not_have(town: Town) -> None:
    """The message waits, and the text says what is missing."""
    outcome, sender = once(town, "require-mta-sts")
    assert (outcome.result, outcome.status, sender.peer.connections) == (TEMPORARY, "4.7.5", 0)
    assert outcome.text == f'action "out" demands MTA-STS, which {DOMAIN} does not have: {DOMAIN} has no MTA-STS policy'

    outcome, sender = once(town, "require-dane")
    assert (outcome.result, sender.peer.connections) == (TEMPORARY, 0)
    assert outcome.text.startswith(f'action "out" demands DANE, which {MX} does not have: ')


def test_a_test_is_enforced_if_the_action_demands_it(town: Town) -> None:
    """There is a policy, and who wants it kept says so."""
    town.publish("testing")
    violate(town, "self-signed")
    outcome, _ = once(town, "require-mta-sts")

    assert outcome.result is TEMPORARY
    assert "self-signed certificate" in outcome.text


def test_the_action_may_leave_policies_alone(town: Town) -> None:
    """Then nobody is asked for one."""
    town.publish("enforce")
    violate(town, "self-signed")
    outcome, sender = once(town, "no-mta-sts no-dane")

    assert outcome.result is OK
    assert sender.web.requests == []
    assert (f"_mta-sts.{DOMAIN}", "TXT") not in sender.dns.asked


# ---------------------------------------------------------------- what the sender demands


def test_tls_on_the_whole_way_needs_somebody_who_vouches_for_the_exchanger(town: Town) -> None:
    """RFC 8689 §4.2.1: a policy that is enforced, or DNSSEC."""
    violate(town, "self-signed")
    outcome, sender = once(town, requiretls=True)
    assert (outcome.result, outcome.status, sender.peer.connections) == (PERMANENT, "5.7.30", 0)
    assert outcome.text.startswith(f"the sender demands TLS on the whole way, and nobody vouches for {MX}: ")


SAFE = {**OFFERED, "EHLO": {"reply": "250-peer.example\r\n250-STARTTLS\r\n250 REQUIRETLS\r\n"}}


def test_tls_on_the_whole_way(town: Town) -> None:
    """The next server is told, and has to be one that sees to it."""
    town.publish("enforce")
    town.script = SAFE
    outcome, sender = once(town, requiretls=True)
    assert outcome.result is OK
    assert b" REQUIRETLS" in next(line for line in sender.peer.lines if line.startswith(b"MAIL"))

    town.script = OFFERED
    outcome, sender = once(town, requiretls=True)
    assert (outcome.result, outcome.status) == (PERMANENT, "5.7.30")
    assert outcome.text == f"the sender demands TLS on the whole way, and {MX} does not offer REQUIRETLS"
    assert sender.peer.verbs == ["EHLO", "STARTTLS", "EHLO", "QUIT"]


@pytest.mark.parametrize("which", ["self-signed", "no STARTTLS"])
def test_who_cannot_be_verified_gets_nothing_that_needs_it(town: Town, which: str) -> None:
    """RFC 8689 §4.2.1 returns it, with 5.7.10; other messages are not kept from going there."""
    violate(town, which)

    async def scene(sender: Sender) -> None:
        sender.dns.signed = {"test"}
        await sender.restart("tls")
        outcome = await sender.send(requiretls=True)
        assert (outcome.result, outcome.status) == (PERMANENT, "5.7.10")
        await sender.restart()
        assert (await sender.send()).result is OK

    town.live(scene)


def test_records_that_do_not_fit_are_no_proof_for_the_whole_way(town: Town) -> None:
    """The same holds where the zone says which certificate is the right one."""
    town.tls.pair("self", MX)

    async def scene(sender: Sender) -> None:
        sender.sign("self")
        outcome = await sender.send(requiretls=True)
        assert (outcome.result, outcome.status) == (PERMANENT, "5.7.10")
        assert "is not the one that its TLSA records give" in outcome.text

    town.live(scene)


def test_another_exchanger_may_see_to_it(town: Town) -> None:
    """As long as one of them cannot be reached, nobody knows that none of them does."""
    town.publish("enforce", MX, "down.away.test")
    town.zone[DOMAIN, "MX"] = ["10 down.away.test.", f"20 {MX}."]
    town.zone["down.away.test", "A"] = ["127.0.0.9"]
    outcome, _ = once(town, requiretls=True)

    assert (outcome.result, outcome.status) == (TEMPORARY, "4.4.1")
    assert "does not offer REQUIRETLS" in outcome.text
