"""What computes a backbone's features, chosen and checked."""
