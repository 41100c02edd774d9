"""Problems, one family per file."""

if __name__ == "problems":
    raise ImportError("import ritz.problems instead: problems/ is a part of the ritz package")

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
