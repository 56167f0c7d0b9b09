"""Frozen networks, what computes them, and the one that made a store loaded again."""
