"""A localiser's run, what it is worth, and the crops of what it found."""
