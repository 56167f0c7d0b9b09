"""What lies in a folder of its own, and stands where an option takes its name."""

from pathlib import Path


class Kept:
    """A run, a localiser or a store.

    Attributes:
        path: its folder.
    """

    path: Path

    @property
    def name(self) -> str:
        """Its name."""
        return self.path.name

    @property
    def as_option(self) -> str:
        """What an option takes in its place: its name."""
        return self.name
