"""Heads that encode maps by a codebook of their places, as was usual before networks, and classify that."""
