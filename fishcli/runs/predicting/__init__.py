"""Runs and test images: what they predict, blended, smoothed, decided upon and written down."""
