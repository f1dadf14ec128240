"""Applications: wiring from a kind of data to a trained network. They never import each other."""
