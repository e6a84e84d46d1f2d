"""Does in other users' names what the server may not do itself, or should not."""
