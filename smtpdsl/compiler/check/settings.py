"""Settings that mean little without another one: whose tokens are believed, and keys that came before another.

    oauth-issuer "https://id.example" key "/k" for "mail"      `for` is whom a token has been made for
    listen on eth0 smtps pki mail auth                         where somebody can log in with it

Reports `issuer-without-audience`, `issuer-without-auth` and `backup-without-key`.
"""

from __future__ import annotations

from smtpdsl.compiler.resolve.scope import name_span
from smtpdsl.diagnostics.codes import BACKUP_WITHOUT_KEY, ISSUER_WITHOUT_AUDIENCE, ISSUER_WITHOUT_AUTH
from smtpdsl.diagnostics.diagnostic import Report
from smtpdsl.ir.resolved import OAuthIssuer, Ruleset, Setting


def check_settings(ruleset: Ruleset, report: Report) -> None:
    """Report issuers whose tokens are for anybody or for nothing, and older keys without a present one."""
    settings = ruleset.settings
    for issuer in settings.oauth_issuers:
        if not issuer.audience:
            _for_anybody(issuer, report)
    if ruleset.is_partial:
        # What is missing may stand in what could not be read.
        return
    if not any(listener.auth for listener in ruleset.listeners):
        for issuer in settings.oauth_issuers:
            _for_nothing(issuer, report)
    _check_backup("srs key", settings.srs_key, settings.srs_key_backup, report)
    _check_backup("queue encryption", settings.queue_encryption, settings.queue_encryption_backup, report)


def _for_anybody(issuer: OAuthIssuer, report: Report) -> None:
    message = f'a token of "{issuer.issuer}" is a login here, whatever service it was made for'
    note = "whoever runs another service with that issuer gets tokens of its users, and could log in with them"
    help_text = "add `for` and what the `aud` of tokens for this server says"
    report(ISSUER_WITHOUT_AUDIENCE.at(name_span(issuer.span, issuer.issuer), message, help=help_text, notes=(note,)))


def _for_nothing(issuer: OAuthIssuer, report: Report) -> None:
    message = f'nobody can log in with a token of "{issuer.issuer}": no listener has `auth`'
    help_text = "add `auth` to a listener, `listen on … smtps pki NAME auth`, or remove the issuer"
    report(ISSUER_WITHOUT_AUTH.at(name_span(issuer.span, issuer.issuer), message, help=help_text))


def _check_backup(statement: str, key: Setting[str | None], backup: Setting[str | None], report: Report) -> None:
    # One that cannot be used has its finding already.
    if backup.span is None or backup.value is None or key.span is not None:
        return
    message = f"`{statement} backup` without `{statement}`: {_WITHOUT[statement]}"
    help_text = f"add `{statement}` and the key of today"
    report(BACKUP_WITHOUT_KEY.at(backup.span, message, help=help_text))


_WITHOUT = {
    "srs key": "no address is made, and none is read",
    "queue encryption": "what comes from now on is not encrypted",
}
