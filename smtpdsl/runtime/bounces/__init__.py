"""Reports to senders on what became of their mail (RFC 3461 to 3464, RFC 6533).

queue ──notices──▶ bouncer ──▶ routing     where mail for the sender goes
                      │    ──▶ writing     the octets: text, delivery_status, what came back
                      ▼
                a submission, from <>
"""

from smtpdsl.runtime.bounces.bouncer import Bouncer
from smtpdsl.runtime.bounces.routing import PolicyRouter
from smtpdsl.runtime.bounces.text import ReportText

__all__ = ["Bouncer", "PolicyRouter", "ReportText"]
