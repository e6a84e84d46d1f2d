"""How domains want mail to them secured (RFC 8461): asked for, fetched, and remembered.

domain ──▶ policies ──TXT──▶ name servers        has the policy changed?
               │ ──────HTTPS──▶ fetching         what does it say now?
               ▼
            folder                               what it said: holds while nobody can tell
"""

from smtpdsl.runtime.mta_sts.fetching import PolicyError, PolicyServer
from smtpdsl.runtime.mta_sts.folder import KnownPolicy, PolicyFolder
from smtpdsl.runtime.mta_sts.policies import Found, Policies

__all__ = ["Found", "KnownPolicy", "Policies", "PolicyError", "PolicyFolder", "PolicyServer"]
