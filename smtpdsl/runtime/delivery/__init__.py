"""Delivers: one method per file."""
