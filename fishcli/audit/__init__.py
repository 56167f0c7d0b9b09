"""Leakage statistics."""
