"""What is asked: one family of problems a file."""

if __name__ == "problems":
    raise ImportError("import ritz.problems instead: problems/ is a part of the ritz package")
