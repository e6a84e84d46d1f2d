"""One file per command; parses options, wires parts, prints."""
