"""Filters: who is asked about a session while it goes on, before the rules."""
