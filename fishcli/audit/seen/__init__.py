"""What a model that sees the photo tells: of the metadata, the background, and the test images."""
