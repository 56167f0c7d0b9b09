"""Heads of a few matrix products, which NumPy trains and computes: TensorFlow takes seconds to import."""
