"""Model inputs, head architectures, losses, the training of one fold."""
