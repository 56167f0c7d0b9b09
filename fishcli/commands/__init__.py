"""Floor 5: one workflow a command."""
