"""The kinds of layer, one file per idea; `ranvier.spec` gives them all by name."""
