"""Errors, files, locks, progress, remote paths, clusters, intervals."""
