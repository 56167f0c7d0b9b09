"""Floor 1: the drawn competition of `fishcli demo`."""
