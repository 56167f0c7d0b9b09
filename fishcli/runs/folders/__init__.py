"""Run folders: found, picked, opened, listed, and what they are known by."""
