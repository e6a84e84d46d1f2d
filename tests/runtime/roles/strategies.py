"""Submissions as sessions make them: texts are UTF-8, or octets that are none."""

from __future__ import annotations

from hypothesis import strategies as st

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.mail.envelope import Client
from smtpdsl.mail.options import MailOptions
from smtpdsl.runtime.interfaces import Envelope, InlineContent, Route, Submission

# What a client says is read as UTF-8, and octets that are no UTF-8 become surrogates.
TEXTS = st.binary(max_size=20).map(lambda octets: octets.decode("utf-8", "surrogateescape"))
OPTIONAL = st.none() | TEXTS
# No address has a control character, and nothing that a client is called by.
NAMES = TEXTS.map(lambda text: "".join(each for each in text if each >= " " and each != "\x7f"))
MAILBOXES = st.builds(Mailbox, local_part=NAMES, domain=NAMES)
CLIENTS = st.builds(
    Client,
    source=NAMES,
    rdns=st.none() | NAMES,
    is_rdns_known=st.booleans(),
    helo=NAMES,
    login=st.none() | NAMES,
    tls=st.booleans(),
    tag=TEXTS,
)
OPTIONS = st.builds(
    MailOptions,
    body=OPTIONAL,
    ret=st.none() | NAMES,
    envid=OPTIONAL,
    smtputf8=st.booleans(),
    requiretls=st.booleans(),
    mt_priority=st.none() | st.integers(-9, 9),
)
ENVELOPES = st.builds(
    Envelope,
    route=st.sampled_from(Route),
    action=TEXTS,
    recipient=MAILBOXES,
    dest=MAILBOXES,
    user=TEXTS,
    extension=TEXTS,
    ttl=st.integers(0, 2**31),
    target=TEXTS,
    file=TEXTS,
    notify=st.none() | st.frozensets(st.sampled_from(["NEVER", "SUCCESS", "FAILURE", "DELAY"])),
    orcpt=st.none() | st.builds("{};{}".format, NAMES, TEXTS),
)
SUBMISSIONS = st.builds(
    Submission,
    message_id=st.integers(0, 2**62),
    reverse_path=st.builds(ReversePath, mailbox=st.none() | MAILBOXES),
    client=CLIENTS,
    created=st.floats(0, 2**33),
    content=st.binary(max_size=200).map(InlineContent),
    envelopes=st.lists(ENVELOPES, min_size=1, max_size=4).map(tuple),
    options=OPTIONS,
)
