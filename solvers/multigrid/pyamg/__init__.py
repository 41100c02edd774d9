"""PyAMG's hierarchies as preconditioners."""
