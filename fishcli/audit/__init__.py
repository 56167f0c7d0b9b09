"""Floor 4: leakage statistics."""
