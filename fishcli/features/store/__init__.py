"""The feature store: its recipe, its arrays, its lists, and whether it is sound."""
