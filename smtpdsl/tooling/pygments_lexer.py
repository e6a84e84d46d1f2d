"""The Pygments lexer for smtpd.conf(5), of all releases.

    listen on $if tls   # a comment
    ------ -- --- ---   -----------
    head      a reference           a word is looked up in its statement, which ends with its line
           options                  unless a backslash, a brace or a quote goes on

Made by `smtpdsl highlight pygments` from smtpdsl/grammar.lark; change that, or the template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import ClassVar, TypeAlias

from pygments.lexer import Lexer
from pygments.token import (
    Comment,
    Error,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
    Whitespace,
    _TokenType,
)

# Of each statement: its head, the languages that have it, its options, and behind the bar its values.
_STATEMENTS = """
accept legacy alias as auth authenticated backup ca certificate deliver domain expire for forward-only from
    helo hostname hostnames lmtp maildir mda pki rcpt-to recipient relay sender source tagged tls to userbase
    verify via virtual | any local mbox;
action modern alias auth backup ca ciphers domain expand-only filter forward-only helo helo-src host junk lmtp
    mail-from maildir mbox mda mx no-dane no-mta-sts pki protocols rcpt-to relay require-dane require-mta-sts src
    srs tls ttl user userbase virtual wrapper | no-verify;
admd modern |;
bounce modern report-template warn-interval |;
bounce-warn legacy |;
ca both cert certificate |;
ciphers legacy |;
curve legacy |;
dkim-sign modern key |;
enqueuer legacy filter |;
expire legacy |;
filter both auth bypass chain chroot disconnect fcrdns group helo junk mail-from match phase proc proc-exec
    rcpt-to rdns regex reject report rewrite src user | commit connect data ehlo;
filterchain legacy |;
include both |;
limit legacy domain for inet4 inet6 mda mta scheduler session |;
listen both auth auth-optional bare-lf ca certificate ciphers dsn-notify dsn-ret filter hostname hostnames
    inet4 inet6 lmtp mask-source mask-src masquerade no-chunking no-dsn on pki port protocols proxy-v1 proxy-v2
    received-auth secure senders smtps ssl tag tls tls-require xclient | disable headers smtp socket verify;
match modern action auth domain for from helo mail-from rcpt-to rdns regex reject src tag tls | any local
    socket;
max-message-size legacy |;
max-mta-deferred legacy |;
mda modern domain for limit on retry-after wrapper |;
mta modern domain for inet4 inet6 limit max-deferred on retry-after trust-resolver |;
oauth-issuer modern for key user |;
pki both ca cert certificate dhe dhparams key |;
proc modern chroot group user |;
queue both backup compression encryption key ttl |;
reject legacy alias authenticated domain for from recipient sender source tagged userbase virtual | any local;
scheduler modern limit |;
smtp modern ciphers limit max-message-size sub-addr-delim |;
srs modern backup key ttl |;
subaddressing-delimiter legacy |;
table both |;
"""
# What is a name nowhere in the statements of these languages.
_RESERVED = {
    "modern": """
        action admd alias any auth auth-optional backup bare-lf bounce bypass ca cert chain chroot ciphers commit
        compression connect data data-line dhe disconnect dkim-sign domain ehlo encryption expand-only fcrdns filter
        for forward-only from group helo helo-src host hostname hostnames include inet4 inet6 junk key limit listen
        lmtp local mail-from maildir mask-src masquerade match max-deferred max-message-size mbox mda mta mx
        no-chunking no-dane no-dsn no-mta-sts no-verify noop oauth-issuer on phase pki port proc proc-exec protocols
        proxy-v1 proxy-v2 queue quit rcpt-to rdns received-auth recipient regex reject relay report report-template
        require-dane require-mta-sts retry-after rewrite rset scheduler senders smtp smtp-in smtp-out smtps socket src
        srs sub-addr-delim table tag tagged tls tls-require trust-resolver ttl user userbase verify virtual
        warn-interval wrapper xclient
    """,
    "legacy": """
        accept alias any as auth auth-optional backup bounce-warn certificate deliver domain expire filter for from
        hostname include listen lmtp local maildir max-message-size mbox mda on port reject relay sender smtps source
        table tag tagged tls tls-require to userbase via virtual
    """,
    "both": """
        alias any auth auth-optional backup domain filter for from hostname include listen lmtp local maildir
        max-message-size mbox mda on port reject relay smtps table tag tagged tls tls-require userbase virtual
    """,
}
_INSIDE = r"""[\-A-Za-z0-9:_"$%\&'*+./;?@\[\]\^`|~]"""
_TOKEN = re.compile(
    r"""(?P<BLANK>[ \t]+)|(?P<NEWLINE>\n)"""
    r"""|(?P<COMMENT>#(?:[^\\\n]|\\[\s\S]|\\\Z)*)"""
    r"""|(?P<STRING>"(?:[^"\\]|\\"|\\(?!"))*"|'(?:[^'\\]|\\'|\\(?!'))*')"""
    r"""|(?P<NUMBER>-?[0-9]+(?=[ \t\n),/}=]|\Z)"""
    r"""|[0-9]+(?:\.[0-9]+)?[BEGKMPTbdeghkmpst](?![\-A-Za-z0-9:_"$%\&'*+./;?@\[\]\^`|~]))"""
    r"""|(?P<WORD>[A-Za-z0-9:_](?:[\-A-Za-z0-9:_"$%\&'*+./;?@\[\]\^`|~]|\\[^ \t(){}<>!=#,]|\\\n)*)"""
    r"""|(?P<REFERENCE>\$[A-Za-z0-9_]*)"""
    r"""|(?P<JOINED>\\\n?)|(?P<SIGN>=>|[=,!<>{}])|(?P<OTHER>.)"""
)
_GLUED = re.compile(rf"{_INSIDE}+")
_DEFINED = re.compile(r"[ \t]*=")
_EVIDENCE = (
    r"""^[ \t]*(?:"""
    r"""accept[ \t]+(?:alias|authenticated|deliver|expire|for|forward-only|from|recipient|relay|sender|tagged|userbase|virtual)"""  # noqa: E501 - a list
    r"""|action[ \t]+[^ \t\n]+[ \t]+(?:expand-only|forward-only|lmtp|maildir|mbox|mda|relay)"""
    r"""|ca[ \t]+[^ \t\n]+[ \t]+(?:cert|certificate)"""
    r"""|dkim-sign[ \t]+[^ \t\n]+[ \t]+(?:key)"""
    r"""|enqueuer[ \t]+(?:filter)"""
    r"""|filter[ \t]+[^ \t\n]+[ \t]+(?:chain|phase|proc|proc-exec)"""
    r"""|limit[ \t]+(?:mda|mta|scheduler|session)"""
    r"""|oauth-issuer[ \t]+[^ \t\n]+[ \t]+(?:for|key|user)"""
    r"""|pki[ \t]+[^ \t\n]+[ \t]+(?:ca|cert|certificate|dhe|dhparams|key)"""
    r"""|reject[ \t]+(?:alias|authenticated|for|from|recipient|sender|tagged|userbase|virtual)"""
    r""")"""
)

_KINDS = {
    "BLANK": Whitespace,
    "NEWLINE": Whitespace,
    "COMMENT": Comment.Single,
    "NUMBER": Number,
    "JOINED": Punctuation,
    "STRING": String,
    "REFERENCE": Name.Variable,
    "OTHER": Error,
}
_BETWEEN = frozenset({"BLANK", "NEWLINE", "COMMENT", "JOINED"})
_SIGNS = {"=": Operator, "=>": Operator, "!": Operator, "<": Name.Class, ">": Name.Class}
_ESCAPES = re.compile(r"""\\"|\\'""")

_Token: TypeAlias = tuple[int, _TokenType, str]


@cache
def _statements() -> dict[str, dict[str, _TokenType]]:
    """Return what each word is, by statement; the empty name is for lists in braces."""
    reserved = {languages: dict.fromkeys(words.split(), Error) for languages, words in _RESERVED.items()}
    found = {"": reserved["both"]}
    for statement in _STATEMENTS.split(";")[:-1]:
        head, languages, *words = statement.split()
        bar = words.index("|")
        options, values = dict.fromkeys(words[:bar], Name.Attribute), dict.fromkeys(words[bar:], Keyword.Constant)
        found[head] = {**reserved[languages], **options, **values}
    return found


class SmtpdConfLexer(Lexer):
    """Takes smtpd.conf apart."""

    name = "smtpd.conf"
    url = "https://man.openbsd.org/smtpd.conf.5"
    aliases: ClassVar[list[str]] = ["smtpd.conf", "smtpd-conf", "opensmtpd"]
    filenames: ClassVar[list[str]] = ["smtpd.conf", "smtpd.conf.*", "*.smtpd.conf"]
    mimetypes: ClassVar[list[str]] = ["text/x-smtpd-conf"]

    @staticmethod
    def analyse_text(text: str) -> float:
        """Return how sure it is that *text* is smtpd.conf."""
        return 0.8 if re.search(_EVIDENCE, text, re.MULTILINE) else 0.0

    def get_tokens_unprocessed(self, text: str) -> Iterator[_Token]:
        """Yield offset, kind and text of each token."""
        state, position = _State(), 0
        while found := _TOKEN.match(text, position):
            what, token = found.lastgroup or "", found.group()
            kind = state.see(what, token, is_defined=_DEFINED.match(text, found.end()) is not None)
            yield from _string(position, kind, token) if what == "STRING" else [(position, kind, token)]
            position = found.end()
            if what == "REFERENCE" and (glued := _GLUED.match(text, position)):
                # It belongs to the text that takes the place of the reference.
                yield position, Text, glued.group()
                position = glued.end()


class _State:
    """How far the text has been read, in words of the language."""

    def __init__(self) -> None:
        self._words: dict[str, _TokenType] | None = None
        """Those of the statement; None before it has begun."""
        self._is_in_list = False
        self._is_in_name = False

    def see(self, what: str, token: str, *, is_defined: bool) -> _TokenType:
        """Return the kind of the next token; *is_defined* says that a sign of equality follows."""
        if what == "NEWLINE":
            self._is_in_name = False
            self._words = self._words if self._is_in_list else None
        if what in _BETWEEN:
            return _KINDS[what]
        is_first = self._words is None
        word = token.replace("\\\n", "").replace("\\", "")
        if self._words is None:
            self._words = _statements().get(word, {})
        if what == "SIGN":
            return self._see_sign(token)
        if what != "WORD":
            return _KINDS[what]
        if self._is_in_name:
            return Name.Class
        if is_first and is_defined:
            return Name.Variable
        if is_first:
            return Keyword if word in _statements() else Text
        return (_statements()[""] if self._is_in_list else self._words).get(word, Text)

    def _see_sign(self, sign: str) -> _TokenType:
        if sign in "{}":
            self._is_in_list = sign == "{"
        elif sign in "<>":
            self._is_in_name = sign == "<"
        return _SIGNS.get(sign, Punctuation)


def _string(position: int, kind: _TokenType, token: str) -> Iterator[_Token]:
    """Yield a quoted string with its escapes."""
    kind = String.Double if kind is String and token[0] == '"' else String.Single if kind is String else kind
    done = 0
    for escape in _ESCAPES.finditer(token, 1, len(token) - 1):
        if done < escape.start():
            yield position + done, kind, token[done : escape.start()]
        yield position + escape.start(), String.Escape, escape.group()
        done = escape.end()
    yield position + done, kind, token[done:]
