"""The environment of a command."""

from __future__ import annotations

from smtpdsl.mail.address import Mailbox, ReversePath
from smtpdsl.runtime.delivery.environment import command_environment
from smtpdsl.runtime.interfaces import Identity

JOE = Identity("joe", 1000, 100, "/home/joe")
RECIPIENT = Mailbox.parse("Sales+eu@example.org")
DEST = Mailbox.parse("joe@example.net")


def test_a_command_gets_these_variables() -> None:
    """Whose mail it is, and what the message was for; the home is that of who runs it."""
    found = command_environment(JOE, "eva", RECIPIENT, DEST, ReversePath.parse("<ann@example.com>"), "eu")

    assert dict(found) == {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/joe",
        "SHELL": "/bin/sh",
        "USER": "eva",
        "LOGNAME": "eva",
        "LOCAL": "Sales+eu",
        "DOMAIN": "example.org",
        "RECIPIENT": "joe@example.net",
        "ORIGINAL_RECIPIENT": "Sales+eu@example.org",
        "SENDER": "ann@example.com",
        "EXTENSION": "eu",
    }


def test_without_a_sub_address_there_is_no_extension() -> None:
    """The variable is missing rather than empty."""
    assert "EXTENSION" not in dict(command_environment(JOE, "eva", RECIPIENT, DEST, ReversePath()))


def test_the_null_sender_is_empty() -> None:
    """The variable is there, with nothing in it."""
    assert dict(command_environment(JOE, "eva", RECIPIENT, DEST, ReversePath()))["SENDER"] == ""
