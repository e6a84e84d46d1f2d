"""The registry: every kind of finding, its severity and what it says in general.

The name of a code is a contract: people write it in suppression comments, and
`docs/diagnostics/<name>.md` explains it.
"""

from __future__ import annotations

from smtpdsl.diagnostics.diagnostic import Code, Severity

CODES: dict[str, Code] = {}


def _error(name: str, summary: str) -> Code:
    return _register(name, Severity.ERROR, summary)


def _warning(name: str, summary: str) -> Code:
    return _register(name, Severity.WARNING, summary)


def _note(name: str, summary: str) -> Code:
    return _register(name, Severity.NOTE, summary)


def _register(name: str, severity: Severity, summary: str) -> Code:
    CODES[name] = code = Code(name=name, severity=severity, summary=summary)
    return code


# The text: before it is a tree.
SYNTAX_ERROR = _error("syntax-error", "the text does not follow the grammar")
MIXED_DIALECTS = _error("mixed-dialects", "a file uses both generations of the language")
ANCIENT_DIALECT = _error("ancient-dialect", "the language of OpenSMTPD 5.2 and older, which nothing reads any more")
CARRIAGE_RETURNS = _error("carriage-returns", "lines end in carriage return and newline")
BYTE_ORDER_MARK = _error("byte-order-mark", "the file begins with a byte order mark")
BINARY_FILE = _error("binary-file", "the file is no text")
UNDECODABLE_TEXT = _warning("undecodable-text", "a quoted string is not UTF-8")
OVERSIZED_TEXT = _error("oversized-text", "a word, a string or the whole configuration is too long")
UNDEFINED_MACRO = _error("undefined-macro", "a reference to a macro that nobody defines")
REDEFINED_MACRO = _warning("redefined-macro", "a macro is defined twice; the second definition holds from there on")
UNREACHABLE_MACRO = _warning("unreachable-macro", "a macro whose name no reference can spell")
UNEXPANDED_MACRO = _warning("unexpanded-macro", "a macro's name stands with its dollar sign where nothing is replaced")
CONTINUED_COMMENT = _warning("continued-comment", "a comment that ends in a backslash hides the next line")
UNREADABLE_INCLUDE = _error("unreadable-include", "an included file cannot be read")
INCLUDE_CYCLE = _error("include-cycle", "a file includes itself, directly or through others")
TOO_MANY_ERRORS = _error("too-many-errors", "the rest of the file was not read any more")

# Comments that silence findings.
UNKNOWN_CODE = _warning("unknown-code", "a suppression comment names a code that does not exist")
UNUSED_SUPPRESSION = _warning("unused-suppression", "a suppression comment silences nothing")

# Names.
UNKNOWN_TABLE = _error("unknown-table", "a `<name>` that no `table` statement declares")
UNKNOWN_ACTION = _error("unknown-action", "a `match` names an action nobody defines")
UNKNOWN_FILTER = _error("unknown-filter", "a filter name that no `filter` statement declares")
UNKNOWN_PROC = _error("unknown-proc", "a filter names a `proc` nobody declares")
UNKNOWN_PKI = _error("unknown-pki", "a `pki` name that no `pki` statement declares")
UNKNOWN_CA = _error("unknown-ca", "a `ca` name that no `ca` statement declares")
UNKNOWN_WRAPPER = _error("unknown-wrapper", "a `wrapper` name that no `mda wrapper` statement declares")
DUPLICATE_NAME = _error("duplicate-name", "two declarations of one kind have the same name")
OVERLONG_NAME = _error("overlong-name", "a name is longer than its field")
UNUSABLE_NAME = _error("unusable-name", "a name that cannot be what it should name")
REPLACED_PROC = _warning("replaced-proc", "a `filter … proc-exec` takes the name of a `proc`")

# Options.
DUPLICATE_OPTION = _error("duplicate-option", "an option that may be given once is given twice")
CONFLICTING_OPTIONS = _error("conflicting-options", "two options exclude each other")
MISSING_OPTION = _error("missing-option", "an option needs another one that is absent")
MISPLACED_OPTION = _error("misplaced-option", "an option stands where it has no place")
USELESS_OPTION = _warning("useless-option", "an option that has no effect where it stands")
OVERWRITTEN_OPTION = _warning("overwritten-option", "a later option or statement replaces an earlier one")

# Values.
UNUSABLE_VALUE = _error("unusable-value", "an argument that its option cannot take")
UNUSABLE_LIMIT = _warning("unusable-limit", "a limit that lets nothing through")
UNKNOWN_LIMIT = _error("unknown-limit", "a `limit` that the subsystem does not have")
IMPOSSIBLE_PATTERN = _warning("impossible-pattern", "a pattern that nothing can match")
SUSPICIOUS_PATTERN = _warning("suspicious-pattern", "a pattern that matches something else than it seems to say")
UNUSABLE_REGEX = _warning("unusable-regex", "a regular expression that does not compile, so it never matches")
SLOW_REGEX = _warning("slow-regex", "a regular expression that a client can make run for hours")
UNUSABLE_NETWORK = _warning("unusable-network", "an address or network that cannot be read, so it never matches")
UNUSABLE_FORMAT = _error("unusable-format", "a format specifier that makes every delivery fail")
UNEXPANDED_FORMAT = _warning("unexpanded-format", "a format specifier that stays as it is written")
UNQUOTED_SENDER = _warning("unquoted-sender", "a command in which an empty sender makes the next word disappear")
WRAPPER_WITHOUT_MDA = _warning("wrapper-without-mda", "a wrapper that never runs the command it should wrap")
RELATIVE_PATH = _warning("relative-path", "a path of which nothing says where it starts")
UNUSABLE_REPLY = _warning("unusable-reply", "a filter's message that is no SMTP reply")
UNUSABLE_TLS_STRING = _error("unusable-tls-string", "a `ciphers` or `protocols` value that the TLS library refuses")
UNUSABLE_URL = _error("unusable-url", "a relay URL that fails at each delivery")
SUSPICIOUS_URL = _warning("suspicious-url", "a relay URL that goes somewhere else than it seems to say")

# Tables.
UNKNOWN_BACKEND = _error("unknown-backend", "a table backend that does not exist here")
UNREADABLE_TABLE = _error("unreadable-table", "a table file cannot be read")
MALFORMED_TABLE = _error("malformed-table", "a table file has a line that is neither an entry nor a comment")
TABLE_KIND = _error("table-kind", "a list stands where a mapping is needed, or the other way round")
UNUSABLE_ENTRY = _warning("unusable-entry", "an entry that the place that asks for it cannot use")
DUPLICATE_KEY = _warning("duplicate-key", "a key stands twice in a table; the last value holds")
EMPTY_TABLE = _warning("empty-table", "a table without entries")
MISSING_FILE = _warning("missing-file", "a file that an entry or an option names does not exist")

# Certificates and keys.
INCOMPLETE_PKI = _error("incomplete-pki", "a `pki` without its certificate or its key")
UNUSABLE_CERTIFICATE = _error("unusable-certificate", "a certificate, key or authority file that cannot be used")
KEY_MISMATCH = _error("key-mismatch", "the key of a `pki` does not belong to its certificate")
UNSAFE_FILE = _error("unsafe-file", "a file that others may change or read")
EXPIRED_CERTIFICATE = _warning("expired-certificate", "a certificate whose time is over, or has not come")
WEAK_KEY = _warning("weak-key", "a key for signatures that is shorter than others want")
CERTIFICATE_NAME = _warning("certificate-name", "a certificate that names other hosts than the listener")

# Settings that mean little without another one.
ISSUER_WITHOUT_AUDIENCE = _warning(
    "issuer-without-audience", "an `oauth-issuer` without `for`: its tokens for any service are logins here"
)
ISSUER_WITHOUT_AUTH = _warning("issuer-without-auth", "an `oauth-issuer`, and no listener lets anybody log in")
BACKUP_WITHOUT_KEY = _warning("backup-without-key", "the key from before, and no key for now")

# Listeners.
UNKNOWN_INTERFACE = _error("unknown-interface", "`listen on` something that is no interface, address or host name here")
EMPTY_LISTENER = _warning("empty-listener", "a listener that opens no socket")
DUPLICATE_LISTENER = _error("duplicate-listener", "two listeners want the same address and port")
PLAIN_SUBMISSION = _warning("plain-submission", "a submission port with the wrong kind of TLS or without `auth`")
MANDATORY_AUTH = _warning("mandatory-auth", "port 25 demands a login, so no other server can deliver")
NO_LISTENER = _warning("no-listener", "a configuration that accepts no mail from the network")

# Rules.
NO_RULE = _error("no-rule", "a configuration without any rule")
DUPLICATE_CRITERION = _error("duplicate-criterion", "a rule asks the same thing twice")
OVERWRITTEN_CRITERION = _warning("overwritten-criterion", "a later criterion replaces an earlier one of the same rule")
LABEL_WITHOUT_AUTH = _error("label-without-auth", "a relay URL has a label, and nothing to look it up in")
AUTH_WITHOUT_LABEL = _warning("auth-without-label", "an `auth` table that no relay URL asks")
AUTH_WITHOUT_RULE = _warning("auth-without-rule", "people can log in, and no rule is for them")
RULE_WITHOUT_AUTH = _warning("rule-without-auth", "a rule for authenticated clients, and nobody can log in")
NARROW_REJECT = _warning("narrow-reject", "a `reject` that covers less than it seems to")
UNKNOWN_ACCOUNT = _warning("unknown-account", "a system user or group that does not exist here")

# What the rules mean together.
CONTRADICTION = _warning("contradiction", "a rule whose conditions exclude each other")
UNREACHABLE_MATCH = _warning("unreachable-match", "a rule that never decides, because earlier ones do")
REDUNDANT_MATCH = _warning("redundant-match", "a rule without which everything would happen as it does")
TEMPFAIL_BEFORE_MATCH = _warning(
    "tempfail-before-match", "a table that can fail is asked where its answer is not needed"
)
OPEN_RELAY = _warning("open-relay", "strangers can send mail through this server to any domain")
RELAY_WITHOUT_AUTH = _warning("relay-without-auth", "a large network of other people may relay without a login")
IMPLIED_LOCAL = _warning("implied-local", "a rule without `from` for a domain that nobody else can write to")
UNDECIDED_RULES = _note("undecided-rules", "a question about the rules that would take too long to answer")

# What aliases and virtual users lead to.
ALIAS_CYCLE = _warning("alias-cycle", "an alias that leads back to itself")
DANGLING_ALIAS = _warning("dangling-alias", "an alias that leads to somebody who does not exist")
UNREACHABLE_ENTRY = _warning("unreachable-entry", "an entry of a domain whose mail never gets to its table")
FORWARD_WITHOUT_SRS = _warning("forward-without-srs", "mail of strangers is sent on with the sender unchanged")
CATCH_ALL_HIDES_MAILBOX = _warning("catch-all-hides-mailbox", "an entry for everybody takes the mail of a user")

# Leftovers.
UNUSED_MACRO = _warning("unused-macro", "a macro that nothing refers to")
UNUSED_TABLE = _warning("unused-table", "a table that nothing refers to")
UNUSED_ACTION = _warning("unused-action", "an action that no rule names")
UNUSED_FILTER = _warning("unused-filter", "a filter that nothing refers to")
UNUSED_PROC = _warning("unused-proc", "a `proc` that no filter names")
UNUSED_PKI = _warning("unused-pki", "a `pki` that nothing refers to")
UNUSED_CA = _warning("unused-ca", "a `ca` that nothing refers to")
UNUSED_WRAPPER = _warning("unused-wrapper", "an `mda wrapper` that no action names")

# What only `run` says: the language is all there, the server is not yet.
UNSUPPORTED_FEATURE = _error(
    "unsupported-feature", "the configuration asks for something that this version of the server cannot do yet"
)

# Other releases, and the language before 6.4.
PORTABILITY = _warning("portability", "another release refuses this, or does something else")
LEGACY_LEFTOVER = _warning(
    "legacy-leftover", "a word that has no effect any more, or that the language of the file did not know"
)
