"""Administration of a running server, over a socket that only its owner and root may open."""
