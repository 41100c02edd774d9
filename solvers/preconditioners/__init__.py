"""Preconditioners for Krylov methods.

A preconditioner is a registered frozen dataclass whose method ``build(operator) -> Operator`` returns an approximate
inverse of the operator.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
