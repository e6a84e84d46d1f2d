"""What a server and a filter program say to each other, as lines; no I/O.

    ──▶  config|…, config|ready          `handshake`
    ◀──  register|…, register|ready
    ──▶  report|…                        `requests`
    ──▶  filter|…
    ◀──  filter-result|…, filter-dataline|…, report|…    `answers`

A line ends in LF, and its fields are divided by ``|``, which nothing escapes: only the last one may have it.
"""
