"""Approximate inverses for the Krylov methods.

A preconditioner is a registered frozen dataclass with ``build(operator) -> Operator``, which returns the approximate
inverse.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
