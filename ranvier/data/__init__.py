"""From a source to what trains: reading, splitting, encoding, and the order rows come in."""
