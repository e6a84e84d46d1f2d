"""DKIM: what people and programs of this host send is signed when it leaves (RFC 6376)."""
