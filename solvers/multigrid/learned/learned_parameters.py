"""Parameters of the cycle from learned weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.solvers.training.weights import Weights

from .face_grid import FaceGrid, MergedCouplings
from .face_level import LevelFields

__all__ = ["LearnedParameters"]

NAMES = ("rates", "spread", "scale", "mix", "distance")


@dataclass(frozen=True, eq=False)
class LearnedParameters:
    """Numbers for each group of levels, and a network that turns some of them into fields.

    Parameters
    ----------
    weights : Weights
        Weights of the family ``"multigrid-masks"`` (numbers only) or ``"multigrid-jumps"`` (with a network).

    Raises
    ------
    InvalidProblem
        If arrays are missing, not finite, or outside the range in which the cycle is positive definite.
    """

    weights: Weights

    def __post_init__(self):
        arrays = self.weights.arrays
        missing = [name for name in NAMES if name not in arrays]
        if missing or any(not np.isfinite(values).all() for values in arrays.values()):
            raise InvalidProblem(
                f"weights must hold finite {', '.join(NAMES)}; missing: {', '.join(missing) or 'none'}"
            )
        t = np.linspace(0.0, 2.0, 201)[1:]
        for first, second in arrays["rates"]:
            if np.abs((1 - first * t) * (1 - second * t)).max() > 1.0:
                raise InvalidProblem(
                    f"weights hold smoothing rates {first:g} and {second:g}, which amplify some errors"
                )
        if self.weights.spec.get("visits") not in (1, 2):
            raise InvalidProblem(f"weights say visits={self.weights.spec.get('visits')!r}; it must be 1 or 2")
        if min(arrays[name].min() for name in ("scale", "distance")) < 0:
            raise InvalidProblem("weights hold a negative scale or distance")

    @property
    def visits(self) -> int:
        """Visits per cycle to the second and third grid."""
        return int(self.weights.spec["visits"])

    @property
    def wall_distance(self) -> float:
        """Additional distance of walls from the centre of a coarse cell, in fine cells."""
        return float(self.weights.arrays["distance"][0])

    @cached_property
    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Weight and bias of each layer of the network; empty without one."""
        arrays, count = self.weights.arrays, sum(name.startswith("bias") for name in self.weights.arrays)
        return [(arrays[f"weight{number}"], arrays[f"bias{number}"]) for number in range(count)]

    def fields(self, grid: FaceGrid, merged: MergedCouplings, number: int) -> LevelFields:
        """Return the parameters of a level, 0 being the finest."""
        arrays, dtype = self.weights.arrays, grid.diagonal.dtype.type
        group = min(number, len(arrays["spread"]) - 1)
        rates = float(arrays["rates"][group, 0]), float(arrays["rates"][group, 1])
        mix, scale, spread = (dtype(arrays[name][group]) for name in ("mix", "scale", "spread"))
        if not self.layers:
            faces = scale * (mix * merged.series + (1 - mix) * merged.parallel)
            return LevelFields(rates, np.ones(1, dtype), np.array([spread]), faces)
        return self._network_fields(grid, merged, rates, mix, scale, spread)

    def _network_fields(
        self, grid: FaceGrid, merged: MergedCouplings, rates: tuple[float, float], mix: Any, scale: Any, spread: Any
    ) -> LevelFields:
        """Return the parameters of a level that the network computes from its couplings."""
        from .kernels.face_grids import expand
        from .kernels.face_network import features, layer

        layout, dtype = grid.coarse_layout, grid.diagonal.dtype
        strides = np.array([layout.strides[axis] for axis in grid.axes], dtype=np.int64)
        origin, end = layout.span
        inside = layout.zeros(dtype.type)
        layout.inside(inside)[...] = 1
        x = np.zeros((4 * len(grid.axes) + 2, layout.size), dtype=dtype)
        features(x, merged.series, merged.parallel, merged.walls, merged.evenness, strides, origin, end)
        for depth, (weight, bias) in enumerate(self.layers):
            out = np.zeros((bias.size, layout.size), dtype=dtype)
            last = depth + 1 == len(self.layers)
            layer(out, x, weight.astype(dtype), bias.astype(dtype), inside, strides, not last, origin, end)
            x = out
        axes = len(grid.axes)
        damping, widths = _sigmoid(x[0]), 2 * spread * _sigmoid(x[1])
        share = _sigmoid(x[2 : 2 + axes] + np.log(mix / (1 - mix)))
        size = scale * np.exp(np.tanh(x[2 + axes :]))
        faces = size * (share * merged.series + (1 - share) * merged.parallel)
        fine = np.zeros((2, grid.layout.size), dtype=dtype)
        for values, coarse in zip(fine, (damping, widths), strict=True):
            expand(values, coarse, grid.inverse, grid.positions)
        return LevelFields(rates, fine[0], fine[1], faces)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))  # unlike exp, tanh cannot overflow
