"""Where things are in a photo, learned on cached maps."""
