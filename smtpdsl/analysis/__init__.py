"""Questions about a compiled program."""
