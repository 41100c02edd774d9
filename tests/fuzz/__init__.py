"""Random calls of every public entry point, whose answers are compared with independent references."""
