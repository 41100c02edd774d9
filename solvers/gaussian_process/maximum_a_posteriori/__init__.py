"""Grid values and hyperparameters of greatest joint posterior density, found by gradient ascent."""
