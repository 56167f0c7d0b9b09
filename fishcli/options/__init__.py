"""What each command takes, one frozen config a command, whose fields are the command line's options.

Defaults and help texts stand here once; `cli` makes the options from them, and the workflows, the library and
the tests use the same classes.
"""
