"""A pack: all that predicting needs, for a machine without network; made, checked, and predicted with."""
