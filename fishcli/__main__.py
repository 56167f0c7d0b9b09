"""`python -m fishcli`: the command line, wherever its script is not on the path."""

from fishcli.cli import app

app(prog_name="fishcli")
