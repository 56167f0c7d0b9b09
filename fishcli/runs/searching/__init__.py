"""Searching for the augmented copies that heads should draw from."""
