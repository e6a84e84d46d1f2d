"""The processes of a server that root has started: what each of them does, and what they say to each other.

    nursery   root, no network   starts the SMTP processes, and starts them again
    smtp, N   hardly any right   speak with clients
    queue     the spool          accepts connections, stores, schedules, delivers, relays

An ordinary user's server does all of it in one process, by the same interfaces.
"""
