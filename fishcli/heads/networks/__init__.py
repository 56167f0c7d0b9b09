"""Heads that Keras trains: their inputs' examples, networks, losses and training."""
