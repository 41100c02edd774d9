"""What notebooks show of objects of Ritz."""
