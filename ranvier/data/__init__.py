"""From a source to rows ready for training: read, split, fit on the training part, encode, order."""
