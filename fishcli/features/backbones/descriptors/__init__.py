"""Descriptors of image patches that nobody trained: SIFT, HOG and LBP as maps."""
