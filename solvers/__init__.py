"""How it is answered: one folder a field, one method a file."""

if __name__ == "solvers":
    raise ImportError("import ritz.solvers instead: solvers/ is a part of the ritz package")
