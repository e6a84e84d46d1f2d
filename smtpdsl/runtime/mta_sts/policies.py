"""Which policy holds for a domain now (RFC 8461 §3.3, §5.1).

    TXT has another id than what is known      fetched; what is known holds if that fails
    the same id                                what is known, fetched anew once a day while mail goes on
    no TXT, or nobody answers                  what is known, until it expires
    nothing is known, nothing can be fetched   there is no policy

So whoever cuts DNS or HTTPS off gains nothing against a domain that is known; and a server
that is slow keeps mail for its own domain waiting, and no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeVar

from smtpdsl.ir.host_name import MAX_NAME, host_name_problem
from smtpdsl.mail.idn import folded_name
from smtpdsl.mail.mta_sts import Policy, read_record
from smtpdsl.mail.tls_report import ResultType
from smtpdsl.runtime.log import Log
from smtpdsl.runtime.mta_sts.fetching import PolicyError
from smtpdsl.runtime.mta_sts.folder import KnownPolicy, PolicyFolder
from smtpdsl.runtime.net.name_servers import Records
from smtpdsl.runtime.net.resolver import ResolveError

_RECORD = "_mta-sts."
_MAX_KNOWN = 1000
# How long an answer of the DNS is kept, whatever its zone says.
_MIN_SECONDS, _MAX_SECONDS = 60.0, 3600.0
_DNS_SECONDS = 10.0
# RFC 8461 §3.3: a fetch that has failed is not tried again at once, unless there is another id.
_RETRY_SECONDS = 300.0
# RFC 8461 §10.2: what is known is fetched anew once a day, also if nobody writes to the domain.
_DAY = 86_400.0
_SWEEP_SECONDS = 3600.0
_MAX_BACKGROUND = 8

T = TypeVar("T")


class Found(NamedTuple):
    """The policy of a domain, if there is one, and *why* in one line."""

    known: KnownPolicy | None
    why: str


class Dns(Protocol):
    """Who is asked; `NameServers` is one."""

    async def texts(self, name: str) -> Records:
        """Return the TXT records of *name*; raises `ResolveError`."""


class Server(Protocol):
    """Who has policies; `PolicyServer` is one."""

    async def fetch(self, domain: str) -> Policy:
        """Return the policy of *domain*; raises `PolicyError`."""


class _State(NamedTuple):
    found: Found
    until: float
    # Which id could not be fetched, and when it is tried again.
    failed: str = ""
    retry_at: float = 0.0


_UNKNOWN = _State(Found(None, ""), 0.0)


class Policies:
    """Finds policies out, and remembers them."""

    def __init__(
        self,
        dns: Dns,
        server: Server,
        folder: PolicyFolder,
        clock: Callable[[], float],
        log: Log,
        *,
        tell: Callable[[str, ResultType, str], None] = lambda *_: None,
    ) -> None:
        """Ask *dns* and *server*.

        Args:
            dns: What is known of domains.
            server: Who has their policies.
            folder: Keeps policies, also while no server runs.
            clock: Seconds since 1970.
            log: Where trouble is reported.
            tell: Is told of a domain that has a policy which cannot be had, and why.
        """
        self._dns = dns
        self._server = server
        self._folder = folder
        self._clock = clock
        self._log = log
        self._tell = tell
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="policies")
        self._states: dict[str, _State] = {}
        self._questions: dict[str, asyncio.Task[Found]] = {}
        self._background: dict[str, asyncio.Task[None]] = {}
        self._next_sweep = clock()

    async def find(self, domain: str) -> Found:
        """Return what holds for mail to *domain*, a name in A-labels; raises nothing but cancellation."""
        name = folded_name(domain)
        if host_name_problem(name) or len(_RECORD + name) > MAX_NAME:
            return Found(None, f"{ascii(domain)[1:-1]} is no name that has policies")
        self._sweep()
        state = self._states.get(name)
        if state is not None and state.until > self._clock():
            return state.found
        if name not in self._questions:
            self._questions[name] = asyncio.ensure_future(self._find_out(name))
        # Others wait for it too: who leaves does not take it from them.
        return await asyncio.shield(self._questions[name])

    async def swept(self) -> None:
        """Wait until nothing is done in the background."""
        while self._background:
            await asyncio.gather(*self._background.values())

    async def close(self) -> None:
        """Ask no more."""
        tasks = [*self._questions.values(), *self._background.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._thread.shutdown()

    # ------------------------------------------------------------ finding out

    async def _find_out(self, name: str) -> Found:
        try:
            state = await self._state(name)
        finally:
            del self._questions[name]
        self._keep(name, state)
        return state.found

    async def _state(self, name: str) -> _State:
        before = self._states.get(name, _UNKNOWN)
        known = await self._known(name)
        records = await self._records(name)
        identifier = read_record(records.values) if records is not None else None
        now = self._clock()
        until = now + min(max(records.seconds if records is not None else 0.0, _MIN_SECONDS), _MAX_SECONDS)
        # Asked for just now, and it could not be had.
        has_failed = before.failed == identifier and before.retry_at > now
        if identifier is None:
            return _State(_without_record(name, known, is_answered=records is not None), until)
        if known is not None and known.identifier == identifier:
            state = _State(_with(known), min(until, known.expires))
            if has_failed:
                return state._replace(failed=identifier, retry_at=before.retry_at)
            if known.fetched + min(_DAY, known.policy.seconds / 2) <= now:
                self._begin(name, self._refresh(name, known))
            return state
        if has_failed:
            found = _with(known) if known is not None else Found(None, before.found.why)
            return before._replace(found=found, until=min(until, before.retry_at))
        return await self._fetched(name, identifier, known, until)

    async def _fetched(self, name: str, identifier: str, known: KnownPolicy | None, until: float) -> _State:
        """Fetch what *name* has under a new *identifier*; what is *known* holds if that fails."""
        try:
            fetched = await self._fetch(name, identifier)
        except PolicyError as error:
            retry_at = self._clock() + _RETRY_SECONDS
            until = min(until, retry_at, known.expires if known is not None else until)
            return _State(self._failed(name, known, error), until, identifier, retry_at)
        return _State(_with(fetched), min(until, fetched.expires))

    async def _fetch(self, name: str, identifier: str) -> KnownPolicy:
        policy = await self._server.fetch(name)
        known = KnownPolicy(policy, identifier, self._clock())
        try:
            await self._in_thread(lambda: self._folder.write(name, known))
        except OSError as error:
            self._log.warn(f"the policy of {name} cannot be kept: {(error.strerror or str(error)).lower()}")
        return known

    def _failed(self, name: str, known: KnownPolicy | None, error: PolicyError) -> Found:
        self._tell(name, error.result, str(error))
        if known is not None:
            self._log.warn(f"the new MTA-STS policy of {name} cannot be had: {error}; the one before it holds")
            return _with(known)
        self._log.warn(f"the MTA-STS policy of {name} cannot be had: {error}; mail goes as if there were none")
        return Found(None, f"the MTA-STS policy of {name} cannot be had: {error}")

    async def _known(self, name: str) -> KnownPolicy | None:
        """Return what is known of *name* and has not expired."""
        state = self._states.get(name)
        known = state.found.known if state is not None else None
        known = known or await self._in_thread(lambda: self._folder.read(name))
        if known is None or known.expires > self._clock():
            return known
        await self._in_thread(lambda: self._folder.remove(name))
        return None

    async def _records(self, name: str) -> Records | None:
        try:
            async with asyncio.timeout(_DNS_SECONDS):
                return await self._dns.texts(_RECORD + name)
        except (ResolveError, TimeoutError):
            return None

    def _keep(self, name: str, state: _State) -> None:
        self._states.pop(name, None)
        if len(self._states) >= _MAX_KNOWN:
            del self._states[next(iter(self._states))]
        self._states[name] = state

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # ------------------------------------------------------------ in the background

    def _begin(self, name: str, work: Coroutine[None, None, None]) -> None:
        """Do *work* about *name* while mail goes on, unless that is being done, or too much is."""
        if name in self._background or len(self._background) >= _MAX_BACKGROUND:
            work.close()
            return
        task = asyncio.ensure_future(work)
        self._background[name] = task
        task.add_done_callback(lambda _: self._background.pop(name))

    async def _refresh(self, name: str, old: KnownPolicy) -> None:
        """Fetch a policy that is known already, so that it does not expire."""
        failed, retry_at = "", 0.0
        try:
            known = await self._fetch(name, old.identifier)
        except PolicyError as error:
            known, failed, retry_at = old, old.identifier, self._clock() + _RETRY_SECONDS
            self._tell(name, error.result, str(error))
            self._log.warn(f"the MTA-STS policy of {name} cannot be fetched anew: {error}; it holds until it expires")
        if self._states.get(name, _UNKNOWN).found.known not in {None, old}:
            # Mail has found another one meanwhile, which must not be undone.
            return
        self._keep(name, _State(_with(known), min(self._clock() + _MIN_SECONDS, known.expires), failed, retry_at))

    def _sweep(self) -> None:
        """Once an hour, look for policies that are a day old."""
        now = self._clock()
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_SECONDS
            self._begin("", self._refresh_old(now - _DAY))

    async def _refresh_old(self, moment: float) -> None:
        for name in await self._in_thread(lambda: self._folder.older_than(moment)):
            # What has expired goes, and what is a day old is fetched anew.
            known = await self._known(name)
            is_asked = self._states.get(name, _UNKNOWN).retry_at > self._clock()
            if known is not None and known.fetched < moment and not is_asked:
                self._begin(name, self._refresh(name, known))
                await asyncio.gather(*filter(None, [self._background.get(name)]))


def _with(known: KnownPolicy) -> Found:
    return Found(known, f"MTA-STS policy {known.identifier}, mode {known.policy.mode.value}")


def _without_record(name: str, known: KnownPolicy | None, *, is_answered: bool) -> Found:
    """Say what holds where there is no record that names a policy."""
    if known is not None:
        return _with(known)
    if is_answered:
        return Found(None, f"{name} has no MTA-STS policy")
    return Found(None, f"no name server knows whether {name} has an MTA-STS policy")
