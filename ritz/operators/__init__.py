"""Linear operators: matrices, stencils, Kronecker products, derivatives of torch functions, and sums and products."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
