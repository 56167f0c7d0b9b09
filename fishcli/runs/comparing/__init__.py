"""Heads, metadata and boxes beside one another on the same folds."""
