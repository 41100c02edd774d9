"""An interior-point method for l_1 and l_inf regression, as linear programs whose dual is a single vector."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol, TypeAlias

import numpy as np

from ritz.solution import Status

from ..column_space.column_basis import ColumnBasis, solve_gram

__all__ = ["interior_point"]

Direction: TypeAlias = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Maps the change wanted of the products of slacks and multipliers to changes of z, slacks and multipliers."""

SHARE = 0.9995  # fraction of the step to the boundary


class _Program(Protocol):
    """A linear program with pairs of slacks and multipliers, each of shape (2, n)."""

    def start(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...

    def dual(self, multipliers: np.ndarray) -> np.ndarray: ...

    def direction(self, basis: ColumnBasis, slacks: np.ndarray, multipliers: np.ndarray) -> Direction: ...


def interior_point(
    basis: ColumnBasis, b: np.ndarray, p: float, z: np.ndarray
) -> Generator[tuple[np.ndarray, np.ndarray, np.ndarray], None, Status]:
    """Yield coordinates, residual and a dual vector, starting from `z`; see the solver ``lp``.

    The predictor-corrector method of :cite:`Mehrotra1992`, for p = 1 as in :cite:`PortnoyKoenker1997`. Slacks and
    multipliers are feasible from the start, hence every iterate bounds the minimum from both sides. Each step takes
    ``n d^2`` operations and forty vectors of length n.
    """
    program: _Program = _AbsoluteSum() if p == 1.0 else _Largest()
    r = b - basis.apply(z)
    slacks, multipliers = program.start(r)
    while True:
        yield z, r, program.dual(multipliers)
        try:
            direction = program.direction(basis, slacks, multipliers)
            products = slacks * multipliers
            mean = float(products.mean())
            _, to_slacks, to_multipliers = direction(-products)
            ahead = slacks + _share(slacks, to_slacks) * to_slacks
            ahead *= multipliers + _share(multipliers, to_multipliers) * to_multipliers
            centre = mean * (float(ahead.mean()) / mean) ** 3
            step, to_slacks, to_multipliers = direction(centre - products - to_slacks * to_multipliers)
        except ValueError:  # includes LinAlgError
            return Status.STAGNATED
        length = _share(slacks, to_slacks)
        z = z + length * step
        slacks = slacks + length * to_slacks
        multipliers = multipliers + _share(multipliers, to_multipliers) * to_multipliers
        r = b - basis.apply(z)


class _AbsoluteSum:
    """``min 1'(u + v)`` with ``r = u - v``; dual ``max b'y`` with ``|y| <= 1``, multipliers ``1 - y`` and ``1 + y``."""

    def start(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        away = float(np.abs(r).mean())
        return np.stack([np.maximum(r, 0.0), np.maximum(-r, 0.0)]) + away, np.ones((2, r.size))

    def dual(self, multipliers: np.ndarray) -> np.ndarray:
        return 0.5 * (multipliers[1] - multipliers[0])

    def direction(self, basis: ColumnBasis, slacks: np.ndarray, multipliers: np.ndarray) -> Direction:
        weights, y = 1.0 / (slacks / multipliers).sum(axis=0), self.dual(multipliers)
        gram = basis.gram(weights)

        def solve(change: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            alone = change / multipliers
            shift = alone[0] - alone[1]
            step = solve_gram(gram, basis.transpose(y - weights * shift))  # y corrects drift from B'y = 0
            dy = -weights * (basis.apply(step) + shift)
            to_multipliers = np.stack([-dy, dy])
            return step, (change - slacks * to_multipliers) / multipliers, to_multipliers

        return solve


class _Largest:
    """``min t`` with ``u = t - r`` and ``v = t + r``; dual ``max b'(f - g)`` with ``1'(f + g) = 1``."""

    def start(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bound = 1.1 * float(np.abs(r).max())
        return np.stack([bound - r, bound + r]), np.full((2, r.size), 0.5 / r.size)

    def dual(self, multipliers: np.ndarray) -> np.ndarray:
        return multipliers[0] - multipliers[1]

    def direction(self, basis: ColumnBasis, slacks: np.ndarray, multipliers: np.ndarray) -> Direction:
        ratios = multipliers / slacks
        total, difference = ratios.sum(axis=0), ratios[0] - ratios[1]
        coupling = basis.transpose(difference)
        gram = np.block([[basis.gram(total), coupling[:, None]], [coupling[None], total.sum()]])

        def solve(change: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            alone = change / slacks
            after = alone + multipliers  # corrects drift from 1'(f + g) = 1 and B'(f - g) = 0
            right = np.append(basis.transpose(after[0] - after[1]), after.sum() - 1.0)
            solution = solve_gram(gram, right)
            step, raised = solution[:-1], solution[-1]
            image = basis.apply(step)
            to_slacks = np.stack([raised + image, raised - image])
            return step, to_slacks, (change - multipliers * to_slacks) / slacks

        return solve


def _share(values: np.ndarray, change: np.ndarray) -> float:
    """Return the largest step up to 1 that keeps positive `values` positive."""
    steepest = float((-change / values).max())
    return min(1.0, SHARE / steepest) if steepest > 0.0 else 1.0
