"""Which descriptors there are. Imports nothing heavy."""

SIFT, HOG, LBP = "sift", "hog", "lbp"
DESCRIPTORS = (SIFT, HOG, LBP)
NO_WEIGHTS = "none"
"""What stands for the weights of what has none."""


def is_descriptor(backbone: str) -> bool:
    """Whether a backbone, by its name, is a descriptor and no network."""
    return backbone in DESCRIPTORS
