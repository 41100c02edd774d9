"""Equations with parameters, for reduced models: one family a file."""

from .burgers_front import burgers
from .cavity import lid_driven_cavity
from .heat_source import two_materials
from .laser import laser_track
from .lens import helmholtz_lens
from .phases import allen_cahn
from .plate import perforated_plate
from .reaction import moving_reaction
from .thermal import thermal_block
from .wind import rotating_wind

__all__ = [
    "allen_cahn",
    "burgers",
    "helmholtz_lens",
    "laser_track",
    "lid_driven_cavity",
    "moving_reaction",
    "perforated_plate",
    "rotating_wind",
    "thermal_block",
    "two_materials",
]
