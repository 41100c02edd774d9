"""Training of networks: optimisers, inverse curvature, learning rates and quantisation from the Hessian."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
