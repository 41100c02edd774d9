"""Training recipes and files of trained weights."""
