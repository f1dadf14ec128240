"""From a source to rows a network can train on: read, split, fit, encode, batch."""
