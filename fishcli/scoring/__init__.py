"""Floor 4: metrics, ensembling, submission files."""
