"""Solution of sequences of linear systems, such as the steps of a time integration."""
