"""fishcli: image competitions from a folder of photos to a submission CSV, honest about unseen groups."""

__version__ = "0.1.0"
