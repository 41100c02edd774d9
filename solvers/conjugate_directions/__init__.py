"""Conjugate directions proposed by a network, a preconditioner or any function of the residual."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
