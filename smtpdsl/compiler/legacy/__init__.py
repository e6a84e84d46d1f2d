"""Pass 3: the legacy tree to the modern one.

    ir.syntax.Config (as written up to 6.3)  ->  ir.syntax.Config (in the terms of 6.4 and later)

After this pass there is one language.  `Config.dialect` stays LEGACY, because a few
things keep their old meaning at run time: the null sender in a command is ``@``, and
one shell reads the command of an mda.  Every node made here has the span of the words
that it stands for, so findings and `explain` show the author's line.

    statements    global settings, pki, the order of it all
    lifetime      `expire`, whose place in the file matters
    listeners     listen
    filters       filter programs and chains
    conditions    when a rule applies: one or two `match` lines
    actions       what a rule does: one `action`
    relays        relay, and the URLs of `relay via`
    mda_quoting   a command as a real OpenSMTPD must read it; only for printing

Reports what only the releases up to 6.3 refuse or ignore; whatever is wrong in both
languages alike is left to the passes that follow.
"""

from __future__ import annotations

from smtpdsl.compiler.legacy.mda_quoting import requote_mda
from smtpdsl.compiler.legacy.statements import translate

__all__ = ["requote_mda", "translate"]
