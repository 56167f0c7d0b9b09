"""Images and ids, annotations, boxes, metadata, groups, folds."""
