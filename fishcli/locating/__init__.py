"""Floor 4, beside the heads: where things are in a photo, learned on cached maps."""
