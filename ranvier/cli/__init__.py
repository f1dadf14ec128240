"""The command line: one file per verb, and what they share to read options and to speak."""
