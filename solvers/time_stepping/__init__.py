"""Time stepping for evolution equations, by implicit and implicit-explicit methods with error control."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
