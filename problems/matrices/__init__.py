"""Systems with general sparse matrices: finite elements, PyAMG's gallery, Matrix Market files."""
