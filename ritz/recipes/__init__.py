"""How weights are trained, and the files that hold them."""
