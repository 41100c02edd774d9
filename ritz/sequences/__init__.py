"""Linear systems that follow from each other."""
