"""Heads that scikit-learn fits on pooled features."""
