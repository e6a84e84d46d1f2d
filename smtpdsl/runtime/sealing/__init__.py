"""How the entries of the queue are kept: with a checksum, and if it is wanted compressed and encrypted."""
