"""Linear least squares in the Euclidean norm."""
