"""Floor 4: plots and pages."""
