"""Floor 3: model inputs, head architectures, losses, the training of one fold."""
