"""Relaying: how mail for other servers finds its way, is secured, and takes its turn."""
