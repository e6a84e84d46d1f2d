"""The configuration as written: one node for each thing in the text, nothing resolved.

Both generations share these nodes; the ones that only the language before 6.4 has are
at the end, and `compiler.legacy` turns them into the others.  `print_config` in
`ir.printing` is the inverse of the parser.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar, TypeAlias

from smtpdsl.diagnostics.span import Span
from smtpdsl.record import Record


class Dialect(Enum):
    """A generation of the language; the value is what messages call it."""

    MODERN = "6.4 and later"
    LEGACY = "5.3 to 6.3"


class Node(Record):
    """Something in the text; two nodes are equal if they mean the same, wherever they stand."""

    _uncompared: ClassVar[frozenset[str]] = frozenset({"span"})

    span: Span


class Word(Node):
    """A bare word or a quoted string; which of the two makes no difference."""

    text: str


class Number(Node):
    """A bare decimal number."""

    value: int


class NamedTable(Node):
    """``<name>``: a table that is declared elsewhere."""

    name: Word


class InlineList(Node):
    """``word`` or ``{ word, word }``: a table of keys, where it is used."""

    entries: tuple[Word, ...]


class Pair(Node):
    """``key = value``: an entry of an inline mapping."""

    key: Word
    value: Word


class InlineMapping(Node):
    """``{ key = value, … }``: a table of pairs, where it is used."""

    pairs: tuple[Pair, ...]


TableRef: TypeAlias = NamedTable | InlineList | InlineMapping
Argument: TypeAlias = Word | Number | TableRef


class Option(Node):
    """``keyword [argument] [modifier]``: an option of a statement.

    `modifier` is the keyword that belongs to another one: the `verify` of `smtps verify`,
    the `mx` of `backup mx NAME`, the `masquerade` of `senders <t> masquerade`.
    """

    keyword: str
    argument: Argument | None = None
    modifier: str | None = None
    keyword_span: Span

    _uncompared: ClassVar[frozenset[str]] = frozenset({"span", "keyword_span"})


class Criterion(Node):
    """``[!] words [regex] [table]``: one thing a rule or a filter asks.

    `words` are the keywords before the argument: ``("from", "src")``, ``("auth",)``.
    """

    words: tuple[str, ...]
    negated: bool = False
    regex: bool = False
    table: TableRef | None = None


# ---------------------------------------------------------------- statements


class Macro(Node):
    """``name = value``; its references are already expanded."""

    name: Word
    value: Word


class Include(Node):
    """``include path``; the statements of that file follow it."""

    path: Word


class Table(Node):
    """``table name …``: a source (``[backend:]path``) or the entries themselves."""

    name: Word
    content: Word | InlineList | InlineMapping


class Action(Node):
    """``action name method options [ttl time]``; a relay action has the method ``relay``."""

    name: Word
    method: Option
    options: tuple[Option, ...] = ()
    ttl: Word | None = None


class Match(Node):
    """``match criteria (action name | reject)``; no action means reject."""

    criteria: tuple[Criterion, ...]
    action: Word | None
    verdict_span: Span

    _uncompared: ClassVar[frozenset[str]] = frozenset({"span", "verdict_span"})


class Listen(Node):
    """``listen on interface options``."""

    interface: Word
    options: tuple[Option, ...] = ()


class ListenSocket(Node):
    """``listen on socket options``."""

    options: tuple[Option, ...] = ()


class FilterProc(Node):
    """``filter name proc proc-name``."""

    name: Word
    proc: Word


class FilterExec(Node):
    """``filter name proc-exec command options``."""

    name: Word
    command: Word
    options: tuple[Option, ...] = ()


class FilterBuiltin(Node):
    """``filter name phase PHASE match conditions decision``; there is one condition at least."""

    name: Word
    phase: Word
    conditions: tuple[Criterion, ...]
    decision: Option


class FilterChain(Node):
    """``filter name chain { members }``."""

    name: Word
    members: InlineList


class Proc(Node):
    """``proc name command options``."""

    name: Word
    command: Word
    options: tuple[Option, ...] = ()


class Pki(Node):
    """``pki name options``; several statements may add to one name."""

    name: Word
    options: tuple[Option, ...] = ()


class Ca(Node):
    """``ca name cert file``."""

    name: Word
    cert: Word


class MdaWrapper(Node):
    """``mda wrapper name command``."""

    name: Word
    command: Word


class Limit(Node):
    """``key value``: one word of a `limit` statement; only those of a session have values that are no numbers."""

    key: Word
    value: Number | Word


class Limits(Node):
    """``subsystem limit …``; *domain* only with mta, *families* are its `inet4` and `inet6`."""

    subsystem: str
    domain: Word | None = None
    limits: tuple[Limit, ...] = ()
    families: tuple[Word, ...] = ()


class RetryAfter(Node):
    """``subsystem retry-after [for domain D] [on STATUS] delays``; there is one delay at least."""

    subsystem: str
    delays: tuple[Word, ...]
    domain: Word | None = None
    status: Word | Number | None = None


class DkimSign(Node):
    """``dkim-sign name key file``; *name* is where the DNS has the record of the key."""

    name: Word
    key: Word


class OAuthIssuer(Node):
    """``oauth-issuer url options``."""

    issuer: Word
    options: tuple[Option, ...] = ()


class Setting(Node):
    """Any other statement: its keywords, then its values: ``("queue", "ttl"), ("4d",)``."""

    words: tuple[str, ...]
    values: tuple[Word | Number, ...] = ()


class Discarded(Node):
    """A statement with a syntax error; what it would have declared is known, so its uses are no errors."""

    kind: str | None = None
    name: str | None = None


# ---------------------------------------------------------------- the language before 6.4


class LegacyCriterion(Node):
    """``words [!] [argument]``: ``from source <t>``, ``tagged ! X``, ``authenticated``."""

    words: tuple[str, ...]
    negated: bool = False
    argument: Word | TableRef | None = None


class LegacyRelay(Node):
    """``relay [via url] options``."""

    url: Word | None = None
    options: tuple[Option, ...] = ()


class LegacyRule(Node):
    """``accept`` or ``reject``, its conditions, its mappings and what is done.

    A delivery method is an `Option`, its modifier ``rcpt-to``; `as_user` is the name after ``as``.
    """

    accepts: bool
    criteria: tuple[LegacyCriterion, ...] = ()
    mappings: tuple[Option, ...] = ()
    action: Option | LegacyRelay | None = None
    as_user: Word | None = None
    trailers: tuple[Option, ...] = ()


class LegacyFilter(Node):
    """``filter name words``, or ``filterchain name members``."""

    name: Word
    words: tuple[Word, ...]
    is_chain: bool = False


Statement: TypeAlias = (
    Macro
    | Include
    | Table
    | Action
    | Match
    | Listen
    | ListenSocket
    | FilterProc
    | FilterExec
    | FilterBuiltin
    | FilterChain
    | Proc
    | Pki
    | Ca
    | MdaWrapper
    | Limits
    | RetryAfter
    | DkimSign
    | OAuthIssuer
    | Setting
    | Discarded
    | LegacyRule
    | LegacyFilter
)


class Config(Node):
    """A whole configuration: one dialect, its statements in order, includes in place."""

    dialect: Dialect
    statements: tuple[Statement, ...]


def unquote(text: str, dialect: Dialect = Dialect.MODERN) -> str:
    r"""Return what a token of the text stands for: itself, or what its quotes contain.

    A backslash protects the quote, and since 6.4 a blank; elsewhere it stays.  A newline in
    quotes vanishes, with a backslash before it or without.
    """
    if text[:1] not in {'"', "'"}:
        return text
    quote, inside = text[0], text[1:-1]
    if "\n" in inside:
        inside = inside.replace("\\\n", "").replace("\n", "")
    if "\\" not in inside:
        return inside
    protected = quote if dialect is Dialect.LEGACY else quote + " \t"
    parts, start = [], 0
    while (at := inside.find("\\", start)) >= 0:
        parts.append(inside[start:at])
        if inside[at + 1 : at + 2] and inside[at + 1] in protected:
            parts.append(inside[at + 1])
            start = at + 2
        else:
            parts.append("\\")
            start = at + 1
    return "".join([*parts, inside[start:]])


def quote(text: str, dialect: Dialect = Dialect.MODERN) -> str:
    """Return *text* in double quotes; the inverse of `unquote`."""
    escaped = text.replace('"', '\\"')
    if dialect is Dialect.MODERN:
        escaped = escaped.replace("\\ ", "\\\\ ").replace("\\\t", "\\\\\t")
    return f'"{escaped}"'
