"""Networks and their training, in torch; imported on use alone."""
