"""SMTP without I/O: octets go in, events and octets come out; no clock, no sockets."""
