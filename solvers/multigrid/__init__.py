"""Multigrid methods."""

from .amg_cg import AMGConjugateGradients

__all__ = ["AMGConjugateGradients"]
