"""What editors and authors use: formatter, highlighting, language server."""
