"""Near duplicates: found, counted, and what they are worth to a score on random folds."""
