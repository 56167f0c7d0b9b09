"""One photo's file: its pixels, its encoding, a first look at it, its copies."""
