"""Floor 1: images and ids, annotations, boxes, metadata, groups, folds."""
