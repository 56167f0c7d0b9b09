"""The drawn competition of `fishcli demo`."""
