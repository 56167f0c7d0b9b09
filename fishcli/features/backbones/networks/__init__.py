"""The networks that are backbones, and their weights' files."""
