"""Graph clustering beside peers."""
