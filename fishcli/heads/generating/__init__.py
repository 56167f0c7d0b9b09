"""Rows made up for small classes, beside a fold's training photos."""
