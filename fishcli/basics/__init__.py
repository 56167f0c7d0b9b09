"""Floor 0: errors, files, locks, progress, remote paths, clusters, intervals."""
