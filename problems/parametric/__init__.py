"""Equations with parameters, for reduced models: one family a file."""

from .heat_source import two_materials
from .reaction import moving_reaction
from .thermal import thermal_block

__all__ = ["moving_reaction", "thermal_block", "two_materials"]
