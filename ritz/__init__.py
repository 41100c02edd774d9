"""Ritz: solvers for PDEs and linear systems behind one small interface.

Names are imported on first use, so ``import ritz`` costs next to nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
