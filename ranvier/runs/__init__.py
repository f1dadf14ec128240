"""The run directory: what is in it, written so that a crash or a flipped bit is always noticed."""
