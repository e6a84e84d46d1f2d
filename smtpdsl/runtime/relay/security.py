"""Which TLS contexts the actions that relay use, made once for as long as an action stays the same."""

from __future__ import annotations

from collections.abc import Iterable

from smtpdsl.ir.resolved import Action, RelayAction
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.net.client_channel import TlsTerms
from smtpdsl.runtime.net.tls_client import ClientTls
from smtpdsl.runtime.net.tls_files import OWN_FILES, Files
from smtpdsl.runtime.net.tls_resumption import Resumptions
from smtpdsl.runtime.net.tls_settings import Locate
from smtpdsl.runtime.protocol.client import Security
from smtpdsl.runtime.relay.plan import Way


class Contexts:
    """The contexts of all actions."""

    def __init__(self, actions: Iterable[Action], locate: Locate, log: Log, files: Files = OWN_FILES) -> None:
        """Load what *actions* name, as *files* reads it; those that name nothing wait until they are used.

        Raises:
            TlsSetupError: A file or a string cannot be used.
        """
        self._locate = locate
        self._log = log
        self._files = files
        self._known: dict[str, tuple[RelayAction, ClientTls]] = {}
        self._resumptions = Resumptions()
        for action in actions:
            if isinstance(action, RelayAction) and _names_something(action):
                self._of(action)

    def terms(self, action: RelayAction, way: Way, host: str) -> TlsTerms | None:
        """Return what TLS with *host* is begun with; None for a way without TLS.

        Raises:
            TlsSetupError: A file or a string cannot be used.
        """
        if way.security is Security.NEVER:
            return None
        context = self._of(action).context(verifies=way.verifies)
        if way.tlsa is None:
            return TlsTerms(context, host, resumption=self._resumptions.of(context, host, way.port))
        # RFC 7672 §8.1: it is asked for by the name that its records have.
        return TlsTerms(context, way.tlsa.base, way.tlsa.check(host, way.domain or host))

    def _of(self, action: RelayAction) -> ClientTls:
        known = self._known.get(action.name)
        if known is None or known[0] is not action:
            known = action, ClientTls(action, self._locate, self._log, files=self._files)
            self._known[action.name] = known
        return known[1]


def _names_something(action: RelayAction) -> bool:
    settings = (action.pki, action.ca, action.protocols)
    return any(each is not None for each in settings) or not action.ciphers.is_default
