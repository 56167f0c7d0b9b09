"""Plots, each drawn for a given width."""
