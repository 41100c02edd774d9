"""Published figures and tables and those of the documentation, one per module."""

if __name__ == "figures":
    raise ImportError("import ritz.figures instead: figures/ is a part of the ritz package")
