"""Linear systems beside peers."""
