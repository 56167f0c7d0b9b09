"""Presets of KerasHub as backbones: what their folders say, their networks, and tokens as maps."""
