"""Metrics, ensembling, submission files."""
