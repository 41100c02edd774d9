"""Eigenvalues, traces, densities and functions of symmetric operators, from products with vectors alone."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
