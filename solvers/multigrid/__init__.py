"""Multigrid methods: geometric, learned, bootstrap algebraic, and algebraic with the hierarchies of PyAMG."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
