"""One workflow a command."""
