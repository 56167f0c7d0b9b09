"""The commands as functions that return things: what `import fishcli` offers."""
