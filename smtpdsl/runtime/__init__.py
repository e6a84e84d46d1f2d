"""Executes a program."""
