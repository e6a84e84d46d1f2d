"""How a client says who it is (RFC 4422, RFC 4954)."""
