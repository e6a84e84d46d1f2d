"""Labels of relay URLs, and the `auth` tables that say what to log in with.

    action "out" relay host smtps://work@mx.example auth { work = "ann:secret" }

Reports `label-without-auth` and `auth-without-label`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smtpdsl.compiler.check.entries import entry_span
from smtpdsl.compiler.resolve.scope import name_span
from smtpdsl.compiler.resolve.values import inside
from smtpdsl.diagnostics.codes import AUTH_WITHOUT_LABEL, LABEL_WITHOUT_AUTH, UNUSABLE_URL
from smtpdsl.diagnostics.diagnostic import Diagnostic, Fix, Related
from smtpdsl.diagnostics.span import Span
from smtpdsl.diagnostics.suggest import nearest
from smtpdsl.ir.matching import fold
from smtpdsl.ir.relay_url import RelayScheme, RelayUrl
from smtpdsl.ir.resolved import RelayAction, Table
from smtpdsl.ir.syntax import Word
from smtpdsl.ir.table_file import Kind, TableEntry
from smtpdsl.ir.url_parts import authority_text


class LabelReader:
    """Looks labels up; the keys of a table that many actions share are read once."""

    def __init__(self) -> None:
        """Start without any table."""
        self._entries: dict[str, dict[str, TableEntry]] = {}

    def failure(self, word: Word, url: RelayUrl, action: RelayAction) -> Iterator[Diagnostic]:
        """Yield that the label of *url*, written as *word*, leads to no user and password."""
        label = url.label
        assert label is not None
        start = word.text.find("://") + len("://")
        span = inside(word, start, start + len(label))
        if action.auth_span is None:
            yield _misplaced_password(span, url) if ":" in label else _nothing_to_ask(span, label)
        elif action.auth is not None and _is_readable(action.auth):
            known = self._keys(action.auth)
            if fold(label) not in known:
                yield _misplaced_password(span, url) if ":" in label else _unknown(span, label, action.auth, known)

    def _keys(self, auth: Table) -> dict[str, TableEntry]:
        if auth.name not in self._entries:
            self._entries[auth.name] = {fold(entry.key): entry for entry in auth.entries}
        return self._entries[auth.name]


def auth_without_label(action: RelayAction, urls: Iterable[tuple[Word, RelayUrl]]) -> Iterator[Diagnostic]:
    """Yield that the `auth` table of *action* is never asked, because none of its *urls* has a label."""
    urls = list(urls)
    if action.auth is None or action.auth_span is None or any(url.label for _, url in urls):
        return
    word, url = urls[0]
    scheme = url.scheme if url.scheme.takes_label else RelayScheme.SMTP_TLS
    label = action.auth.entries[0].key if action.auth.entries else "label"
    message = "`auth` is never asked: no relay URL has a label, so nobody logs in"
    help_text = f'write "{scheme.value}://{authority_text(label, url.host, url.port)}", or remove `auth`'
    related = (Related(word.span, "no label before the host"),)
    yield AUTH_WITHOUT_LABEL.at(action.auth_span, message, help=help_text, related=related)


def password_in_url(word: Word) -> Diagnostic | None:
    """Say that a URL, which cannot be read, has a user and a password before its host; None if it has not."""
    scheme, mark, rest = word.text.rpartition("://")
    login, at, host = rest.rpartition("@")
    if not at or ":" not in login:
        return None
    start = len(scheme) + len(mark)
    message = "a URL has no user and no password before its host: what to log in with is said by `auth`"
    help_text = f'write "smtps://label@{host}" and `auth {{ label = "user:password" }}`'
    return UNUSABLE_URL.at(inside(word, start, start + len(login)), message, help=help_text)


def _is_readable(auth: Table) -> bool:
    return auth.is_known and auth.kind is Kind.MAP and not auth.is_malformed


def _misplaced_password(span: Span, url: RelayUrl) -> Diagnostic:
    # The message ends up in logs, and says nothing of the password.
    message = "a URL has a label before its host, not a user and a password: every attempt fails"
    authority = authority_text("label", url.host, url.port)
    help_text = f'write "{url.scheme.value}://{authority}" and `auth {{ label = "user:password" }}`'
    return LABEL_WITHOUT_AUTH.at(span, message, help=help_text)


def _nothing_to_ask(span: Span, label: str) -> Diagnostic:
    message = f'nothing to look up the label "{label}" in: every attempt fails'
    help_text = f'add `auth <table>` with an entry for "{label}", or remove "{label}@"'
    return LABEL_WITHOUT_AUTH.at(span, message, help=help_text)


def _unknown(span: Span, label: str, auth: Table, known: dict[str, TableEntry]) -> Diagnostic:
    message = f'no entry for the label "{label}" in {auth.shown}: every attempt fails'
    near = nearest(fold(label), known)
    if near is None:
        help_text = f'add an entry for "{label}", its value `user:password`'
        related = (Related(name_span(auth.span, auth.name), "the table of labels"),)
        return LABEL_WITHOUT_AUTH.at(span, message, label="no such label", help=help_text, related=related)
    entry = known[near]
    related = (Related(entry_span(entry), "a similar label is here"),)
    fix = Fix.replacing(span, entry.key) if span.text == label else None
    help_text = f'use "{entry.key}"'
    return LABEL_WITHOUT_AUTH.at(span, message, label="no such label", help=help_text, related=related, fix=fix)
