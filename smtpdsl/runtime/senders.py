"""``senders <table>``: the addresses that a login may send as.

    ann    ann@example.org, @lists.example.org      ann, with any sub-address; everybody at the other domain
    bot    @                                        every address, and the null reverse-path

Asked at MAIL, of sessions that have logged in.
"""

from __future__ import annotations

from smtpdsl.ir.alias_value import TargetError, split_items
from smtpdsl.ir.matching import mailaddr_matches
from smtpdsl.ir.resolved import Table
from smtpdsl.ir.semantics import Answer
from smtpdsl.ir.table_index import TableIndex
from smtpdsl.mail.address import ReversePath
from smtpdsl.mail.reply import Reply

# RFC 5321 §3.3 has these for a mailbox that may not be used; the original says 530 and 421.
SENDER_REJECTED = Reply(code=553, enhanced_status="5.7.1", lines=("Sender rejected: not one of your addresses",))
SENDER_UNKNOWN = Reply(code=451, enhanced_status="4.3.0", lines=("Temporary failure: the sender was not checked",))


def may_send_as(index: TableIndex, table: Table, login: str, reverse_path: ReversePath, delimiter: str) -> Answer:
    """Whether *login* may send as *reverse_path*.

    Args:
        index: Where tables are looked up.
        table: What it says of a login is a list of patterns, separated by commas.
        login: As the client spelled it; letters are looked up without their case.
        reverse_path: The argument of MAIL; the null one is for those alone who may send as anybody (``@``).
        delimiter: What separates a user from the sub-address, one character.

    Returns:
        Unavailable if the table is not at hand, or its entry cannot be read.
    """
    if not table.is_known:
        return Answer.UNAVAILABLE
    entry = index.find(table, login)
    if entry is None:
        return Answer.NO
    return Answer.UNAVAILABLE if entry.value is None else lets_send(entry.value, reverse_path, delimiter)


def lets_send(value: str | None, reverse_path: ReversePath, delimiter: str) -> Answer:
    """Whether *value*, which a table has for a login, lets it send as *reverse_path*; None if it has nothing."""
    if value is None:
        return Answer.NO
    address = "@" if reverse_path.mailbox is None else str(reverse_path.mailbox)
    try:
        patterns = [item.text for item in split_items(value)]
    except TargetError:
        return Answer.UNAVAILABLE
    is_listed = any(mailaddr_matches(pattern, address, delimiter) for pattern in patterns)
    return Answer.YES if is_listed else Answer.NO
