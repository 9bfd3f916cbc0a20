"""The commands: in each file `add_to` says a command's options, and `run` does what it is for."""
