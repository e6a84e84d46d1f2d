"""Values of Internet mail; nothing of ours, no I/O."""
