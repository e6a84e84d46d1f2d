"""The configuration resolved: names bound, values read, every default explicit.

    syntax.Config  ->  Ruleset

Nothing here refers to anything by a name that somebody has to look up again, with
one exception that is a promise to the queue: an envelope stores the name of its
action.  A name that could not be resolved is `None` where a table, filter or
certificate should stand, and has been reported; `Rule.is_broken` says so for a rule.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import ClassVar, Generic, TypeAlias, TypeVar

from smtpdsl.diagnostics.span import Source, Span
from smtpdsl.ir.relay_url import RelayUrl
from smtpdsl.ir.syntax import Dialect, Node, Word
from smtpdsl.ir.table_file import Kind, Service, TableEntry
from smtpdsl.record import Record

T = TypeVar("T")


class Setting(Record, Generic[T]):
    """A value and where it comes from: a place in the text, or a reason in words."""

    _uncompared: ClassVar[frozenset[str]] = frozenset({"span", "reason"})

    value: T
    span: Span | None = None
    reason: str = ""

    @property
    def is_default(self) -> bool:
        """Whether nobody wrote this value."""
        return self.span is None


# ---------------------------------------------------------------- tables


class Table(Node):
    """A table that is declared, written where it is used, or built in.

    `entries` are known for inline tables and for files that could be read; `is_known`
    tells an empty table from one whose content is not known here.
    """

    name: str
    backend: str
    path: str | None = None
    kind: Kind
    entries: tuple[TableEntry, ...] = ()
    is_known: bool = True
    is_anonymous: bool = False
    # A single word where a table is wanted: what the author thinks of as no table at all.
    is_single: bool = False
    # What makes a file a list or a mapping: `# @list` or its first entry; None if nothing in it does.
    decided_by: Span | None = None
    # Some lines of the file are no entries, and have been reported.
    is_malformed: bool = False
    # The text of the file, if it could be read.
    file: Source | None = None

    _uncompared: ClassVar[frozenset[str]] = frozenset({"span", "decided_by", "is_malformed", "file"})

    @property
    def is_fallible(self) -> bool:
        """Whether a look-up may fail: the content is not read by the compiler."""
        return self.backend not in {"static", "file", "inline", "built-in"}

    @property
    def shown(self) -> str:
        """How messages call it."""
        if self.is_anonymous:
            return "this list" if self.kind is Kind.LIST else "this mapping"
        if self.name == "<getpwnam>":
            return "the accounts of this system"
        return self.name if self.backend == "built-in" else f"<{self.name}>"


class TableUse(Node):
    """A place that asks a table: what it asks, and which kinds of table can answer.

    `place` is the option in words of the language (``for domain``, ``relay auth``), `span`
    the reference.
    """

    table: Table
    service: Service
    place: str
    accepts: frozenset[Kind]


# ---------------------------------------------------------------- rules


class Slot(IntEnum):
    """The eight things a rule can ask, in the order in which they are asked."""

    TAG = 0
    FROM = 1
    FOR = 2
    HELO = 3
    AUTH = 4
    TLS = 5
    MAIL_FROM = 6
    RCPT_TO = 7


class Subject(Enum):
    """What of an envelope a table is asked about; the value is what messages call it."""

    TAG = "listener tag"
    SOURCE = "client address"
    RDNS = "reverse DNS name"
    DOMAIN = "recipient domain"
    HELO = "HELO name"
    LOGIN = "login"
    REVERSE_PATH = "sender"
    FORWARD_PATH = "recipient"


class AnySource(Record):
    """``from any``."""


class LocalSource(Record):
    """``from local``: an address of this host, or the local socket."""


class SocketSource(Record):
    """``from socket``: the local socket."""


class HasReverseName(Record):
    """``from rdns``: the client has a reverse DNS name."""


class ConfirmedReverseName(Record):
    """``fcrdns`` of a filter: the reverse DNS name leads back to the client's address."""


class IsAuthenticated(Record):
    """``auth``: the session is authenticated, or is the local socket."""


class UsesTls(Record):
    """``tls``: the session is secured."""


class AnyDestination(Record):
    """``for any``: the recipient has a domain."""


class LocalDestination(Record):
    """``for local``: `localhost`, the server's name, or one of its addresses."""


class InTable(Record):
    """*subject* is in *table*, compared as *service* says; None for a table nobody declares."""

    subject: Subject
    table: Table | None
    service: Service


Question: TypeAlias = (
    AnySource
    | LocalSource
    | SocketSource
    | HasReverseName
    | ConfirmedReverseName
    | IsAuthenticated
    | UsesTls
    | AnyDestination
    | LocalDestination
    | InTable
)


class Condition(Node):
    """A question, its sense, and the slot it fills; an implied one was not written."""

    slot: Slot
    question: Question
    negated: bool = False
    is_implied: bool = False
    words: str = ""

    _uncompared: ClassVar[frozenset[str]] = frozenset({"span", "is_implied", "words"})


class Rule(Node):
    """One `match`: its conditions in slot order, and its action; no action rejects.

    A broken rule names an action that nobody declares, or has a condition that cannot be
    read; both have been reported.
    """

    conditions: tuple[Condition, ...]
    action: Action | None = None
    action_name: Word | None = None
    is_broken: bool = False

    def condition(self, slot: Slot) -> Condition | None:
        """The condition in *slot*."""
        return next((each for each in self.conditions if each.slot is slot), None)

    def implies(self, slot: Slot) -> bool:
        """Whether the condition in *slot* is one that nobody wrote."""
        condition = self.condition(slot)
        return condition is not None and condition.is_implied


# ---------------------------------------------------------------- actions


class Mbox(Record):
    """``mbox``: the system mailbox."""


class Maildir(Record):
    """``maildir [path] [junk]``; the path is a format string."""

    path: Word | None = None
    junk: bool = False


class Lmtp(Record):
    """``lmtp destination [rcpt-to]``: a socket's path, or host and port."""

    destination: Word
    rcpt_to: bool = False


class Mda(Record):
    """``mda command``; *shells* read it one after the other: two since 6.4, one before."""

    command: Word
    shells: int = 2


class ForwardOnly(Record):
    """``forward-only``: only what leads to other addresses."""


class ExpandOnly(Record):
    """``expand-only``: only what aliases and .forward name."""


Method: TypeAlias = Mbox | Maildir | Lmtp | Mda | ForwardOnly | ExpandOnly


class Wrapper(Node):
    """``mda wrapper name command``."""

    name: str
    command: Word


class LocalAction(Node):
    """An action that delivers here, and how its users are found."""

    name: str
    method: Method
    alias: Table | None = None
    virtual: Table | None = None
    userbase: Table | None = None
    user: Word | None = None
    wrapper: Wrapper | None = None
    ttl: Setting[int]


class RelayTls(Enum):
    """How the next hop must be secured, beyond what the URL says."""

    OPPORTUNISTIC = "as the URL says"
    REQUIRED = "tls"
    UNVERIFIED = "tls no-verify"


class Backup(Record):
    """``backup [mx name]``: relay to better exchangers than *name* only."""

    mx: Setting[str]


class Smarthost(Node):
    """An entry of ``relay host``, read."""

    url: RelayUrl
    text: str


class Demand(Enum):
    """What is asked of a way to secure mail to a domain: used where there is one, demanded, or left alone."""

    OFFERED = "offered"
    REQUIRED = "required"
    OFF = "off"


class RelayAction(Node):
    """An action that sends mail on, and how."""

    name: str
    hosts: Table | None = None
    smarthosts: tuple[Smarthost, ...] = ()
    domain: Table | None = None
    backup: Backup | None = None
    auth: Table | None = None
    auth_span: Span | None = None
    helo: Word | None = None
    helo_src: Table | None = None
    helo_src_span: Span | None = None
    src: Table | None = None
    tls: RelayTls = RelayTls.OPPORTUNISTIC
    tls_span: Span | None = None
    pki: Pki | None = None
    ca: Ca | None = None
    ciphers: Setting[str]
    protocols: Word | None = None
    mail_from: Word | None = None
    filter: FilterUse | None = None
    srs: bool = False
    dane: Demand = Demand.OFFERED
    mta_sts: Demand = Demand.OFFERED
    security_span: Span | None = None
    ttl: Setting[int]

    _uncompared: ClassVar[frozenset[str]] = frozenset(
        {"span", "auth_span", "helo_src_span", "tls_span", "security_span"}
    )


Action: TypeAlias = LocalAction | RelayAction


# ---------------------------------------------------------------- listeners


class ListenerTls(Enum):
    """How a listener secures its sessions; the value is the option."""

    NONE = "no TLS"
    OFFERED = "tls"
    REQUIRED = "tls-require"
    IMPLICIT = "smtps"


class Auth(Node):
    """``auth`` or ``auth-optional``; no table means the accounts of the system."""

    is_required: bool
    table: Table | None = None
    is_broken: bool = False


class Endpoint(Record):
    """An address a listener binds: text without brackets, and a port."""

    address: str
    port: int


class Listener(Node):
    """One `listen on`, its options and the addresses it stands for.

    `endpoints` is empty for the local socket, and where the interface is unknown or was
    not looked up (`is_resolved`).  `places` has where each option stands, by its keyword.
    """

    interface: Word | None
    endpoints: tuple[Endpoint, ...] = ()
    is_resolved: bool = True
    family: Word | None = None
    port: Setting[int]
    tls: ListenerTls = ListenerTls.NONE
    tls_span: Span | None = None
    verify: bool = False
    pki: tuple[Pki, ...] = ()
    pki_names: tuple[Word, ...] = ()
    ca: Ca | None = None
    ciphers: Setting[str]
    protocols: Word | None = None
    auth: Auth | None = None
    hostname: Setting[str]
    hostnames: Table | None = None
    senders: Table | None = None
    masquerade: bool = False
    filter: FilterUse | None = None
    tag: Setting[str]
    mask_src: bool = False
    received_auth: bool = False
    no_dsn: bool = False
    proxy_v1: bool = False
    proxy_v2: bool = False
    tolerates_bare_lf: bool = False
    no_chunking: bool = False
    # Ours: LMTP instead of SMTP, and the peers that may say who their client is.
    is_lmtp: bool = False
    xclient: Table | None = None
    places: dict[str, Span]

    _uncompared: ClassVar[frozenset[str]] = frozenset({"span", "tls_span", "places"})

    @property
    def is_socket(self) -> bool:
        """Whether this is the local socket."""
        return self.interface is None

    @property
    def proxy_versions(self) -> frozenset[int]:
        """The versions of the PROXY protocol, with one of which a connection begins; none if clients come directly."""
        return frozenset(version for version, is_read in ((1, self.proxy_v1), (2, self.proxy_v2)) if is_read)


# ---------------------------------------------------------------- filters, certificates, settings


class Proc(Node):
    """A filter program and how it is started."""

    name: str
    command: Word
    user: Word | None = None
    group: Word | None = None
    chroot: Word | None = None


class ProgramFilter(Node):
    """A filter that an external program decides."""

    name: str
    proc: Proc | None


class Phase(Enum):
    """When a built-in filter is asked; the value is the keyword."""

    CONNECT = "connect"
    HELO = "helo"
    EHLO = "ehlo"
    AUTH = "auth"
    MAIL_FROM = "mail-from"
    RCPT_TO = "rcpt-to"
    DATA = "data"
    COMMIT = "commit"


class Decision(Node):
    """``reject MESSAGE``, ``junk``, …: what a built-in filter does when its condition holds."""

    kind: str
    argument: Word | None = None


class FilterCondition(Node):
    """A question of a built-in filter, and its sense; *subject* is its keyword."""

    subject: str
    question: Question
    negated: bool = False


class BuiltinFilter(Node):
    """``phase … match … decision``; it acts if all of its conditions hold, and has one at least."""

    name: str
    phase: Phase
    phase_span: Span
    conditions: tuple[FilterCondition, ...]
    decision: Decision

    _uncompared: ClassVar[frozenset[str]] = frozenset({"span", "phase_span"})


class FilterChain(Node):
    """``chain { … }``: filters in order; an inline one has no name."""

    name: str
    members: tuple[ProgramFilter | BuiltinFilter, ...]


Filter: TypeAlias = ProgramFilter | BuiltinFilter | FilterChain


class FilterUse(Node):
    """The filter, chain or inline chain of a listener or relay; None for an unknown name."""

    filter: Filter | None


class Pki(Node):
    """A certificate and its key, put together from every `pki` statement of the name."""

    name: str
    cert: Word | None = None
    key: Word | None = None
    dhe: Setting[str]


class Ca(Node):
    """``ca name cert file``."""

    name: str
    cert: Word


class DomainLimits(Node):
    """``mta limit for domain …``: the defaults of that line, with changes."""

    domain: str
    limits: dict[str, Setting[int]]
    families: tuple[Word, ...] = ()

    def __hash__(self) -> int:
        return hash(self.domain)


class RetryAfter(Node):
    """Ours: ``mta retry-after for domain … on STATUS TIMES``: how long to wait after each failed try, in seconds.

    The last of *delays* is repeated.  *route* is ``mta`` or ``mda``; *domain* is empty for all domains, and
    *status* the beginning of an enhanced status (``4.7``) or a reply code (``450``), empty for all of them.
    """

    route: str
    delays: tuple[int, ...]
    domain: str = ""
    status: str = ""


class DkimKey(Node):
    """Ours: ``dkim-sign SELECTOR._domainkey.DOMAIN key FILE``: mail from *domain* is signed.  Both are A-labels."""

    selector: str
    domain: str
    key: Word


class OAuthIssuer(Node):
    """Ours: ``oauth-issuer URL key FILE …``: whose tokens for *audience* are logins, which are in *claim*."""

    issuer: str
    key: Word
    audience: str = ""
    claim: str = "email"


class Globals(Record):
    """Every setting that is there once; limits by their word in the language, in units, seconds or octets."""

    admd: Setting[str]
    warn_intervals: Setting[tuple[int, ...]]
    mda_limits: dict[str, Setting[int]]
    mta_limits: dict[str, Setting[int]]
    mta_families: tuple[Word, ...] = ()
    mta_domain_limits: tuple[DomainLimits, ...] = ()
    mta_max_deferred: Setting[int]
    scheduler_limits: dict[str, Setting[int]]
    smtp_limits: dict[str, Setting[int]]
    smtp_ciphers: Setting[str]
    max_message_octets: Setting[int]
    sub_addr_delim: Setting[str]
    queue_compression: Setting[bool]
    queue_encryption: Setting[str | None]
    queue_ttl: Setting[int]
    srs_key: Setting[str | None]
    srs_key_backup: Setting[str | None]
    srs_ttl: Setting[int]
    # Ours.
    queue_encryption_backup: Setting[str | None] = Setting(value=None)
    bounce_template: Setting[str | None] = Setting(value=None)
    retries: tuple[RetryAfter, ...] = ()
    dkim_keys: tuple[DkimKey, ...] = ()
    trusted_resolvers: tuple[Word, ...] = ()
    oauth_issuers: tuple[OAuthIssuer, ...] = ()

    def __hash__(self) -> int:
        return hash(type(self))


class Ruleset(Node):
    """A whole configuration, resolved; declarations by name, everything else in source order.

    Of a partial one some statements could not be read; what is missing from it proves nothing.
    """

    dialect: Dialect
    is_partial: bool = False
    server_name: str
    settings: Globals
    tables: dict[str, Table]
    actions: dict[str, Action]
    rules: tuple[Rule, ...]
    listeners: tuple[Listener, ...]
    filters: dict[str, Filter]
    procs: dict[str, Proc]
    pkis: dict[str, Pki]
    cas: dict[str, Ca]
    wrappers: dict[str, Wrapper]
    table_uses: tuple[TableUse, ...] = ()
    early_uses: tuple[EarlyUse, ...] = ()
    # What was referred to: (kind, name), for the findings about leftovers.
    used: frozenset[tuple[str, str]] = frozenset()

    def __hash__(self) -> int:
        return id(self)


class EarlyUse(Node):
    """A name that is used before the statement that declares it; OpenSMTPD refuses that."""

    kind: str
    name: str
    declared: Span
