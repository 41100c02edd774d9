"""Coefficients of additive Runge-Kutta methods."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import sqrt

import numpy as np

__all__ = ["TABLEAUX", "Tableau"]


@dataclass(frozen=True, eq=False)
class Tableau:
    """An implicit and an explicit Runge-Kutta method with common weights.

    The implicit method is singly diagonally implicit after an explicit first stage, stiffly accurate and L-stable.

    Parameters
    ----------
    order : int
    nodes : ndarray, shape (s,)
    implicit, explicit : ndarray, shape (s, s)
        Coefficients of the stages; the last row of `implicit` holds the weights.
    embedded : ndarray, shape (s,)
        Weights of the embedded method, of one order less or more, for the error estimate.
    """

    order: int
    nodes: np.ndarray
    implicit: np.ndarray
    explicit: np.ndarray
    embedded: np.ndarray

    @property
    def stages(self) -> int:
        """Number of stages."""
        return len(self.nodes)

    @property
    def diagonal(self) -> float:
        """The diagonal coefficient of the implicit stages."""
        return float(self.implicit[-1, -1])

    @property
    def weights(self) -> np.ndarray:
        """Weights of both methods."""
        return self.implicit[-1]

    @cached_property
    def error_weights(self) -> np.ndarray:
        """Difference of the weights and the embedded weights."""
        return self.weights - self.embedded


def _lower(rows: list[list[float]], diagonal: float) -> np.ndarray:
    """Return the matrix with the given entries below the diagonal, and `diagonal` on it except in the first row."""
    matrix = np.zeros((len(rows), len(rows)))
    for number, row in enumerate(rows):
        matrix[number, :number] = row
        matrix[number, number] = diagonal if number else 0.0
    return matrix


def _numbers(text: str) -> list[float]:
    return [float(Fraction(entry)) for entry in text.split()]


def _second_order() -> Tableau:
    """Return the method of :cite:`GiraldoKellyConstantinescu2013`, whose implicit part is TR-BDF2."""
    side, gamma = 1 / (2 * sqrt(2)), 1 - 1 / sqrt(2)
    high = (3 + 2 * sqrt(2)) / 6
    return Tableau(
        2,
        np.array([0.0, 2 - sqrt(2), 1.0]),
        _lower([[], [gamma], [side, side]], gamma),
        _lower([[], [2 - sqrt(2)], [1 - high, high]], 0.0),
        np.array([(4 - sqrt(2)) / 8, (4 - sqrt(2)) / 8, side]),
    )


def _third_order() -> Tableau:
    """Return ARK3(2)4L[2]SA of :cite:`KennedyCarpenter2003`."""
    gamma = float(Fraction(1767732205903, 4055673282236))
    implicit = [
        [],
        [gamma],
        _numbers("2746238789719/10658868560708 -640167445237/6845629431997"),
        _numbers("1471266399579/7840856788654 -4482444167858/7529755066697 11266239266428/11593286722821"),
    ]
    explicit = [
        [],
        [2 * gamma],
        _numbers("5535828885825/10492691773637 788022342437/10882634858940"),
        _numbers("6485989280629/16251701735622 -4246266847089/9704473918619 10755448449292/10357097424841"),
    ]
    embedded = _numbers(
        "2756255671327/12835298489170 -10771552573575/22201958757719 9247589265047/10645013368117"
        " 2193209047091/5459859503100"
    )
    nodes = np.array([0.0, 2 * gamma, 0.6, 1.0])
    return Tableau(3, nodes, _lower(implicit, gamma), _lower(explicit, 0.0), np.array(embedded))


def _fourth_order() -> Tableau:
    """Return ARK4(3)6L[2]SA of :cite:`KennedyCarpenter2003`."""
    implicit = [
        [],
        [0.25],
        _numbers("8611/62500 -1743/31250"),
        _numbers("5012029/34652500 -654441/2922500 174375/388108"),
        _numbers("15267082809/155376265600 -71443401/120774400 730878875/902184768 2285395/8070912"),
        _numbers("82889/524892 0 15625/83664 69875/102672 -2260/8211"),
    ]
    explicit = [
        [],
        [0.5],
        _numbers("13861/62500 6889/62500"),
        _numbers("-116923316275/2393684061468 -2731218467317/15368042101831 9408046702089/11113171139209"),
        _numbers(
            "-451086348788/2902428689909 -2682348792572/7519795681897 12662868775082/11960479115383"
            " 3355817975965/11060851509271"
        ),
        _numbers(
            "647845179188/3216320057751 73281519250/8382639484533 552539513391/3454668386233"
            " 3354512671639/8306763924573 4040/17871"
        ),
    ]
    embedded = _numbers(
        "4586570599/29645900160 0 178811875/945068544 814220225/1159782912 -3700637/11593932 61727/225920"
    )
    nodes = np.array([0.0, 0.5, 0.332, 0.62, 0.85, 1.0])
    return Tableau(4, nodes, _lower(implicit, 0.25), _lower(explicit, 0.0), np.array(embedded))


TABLEAUX = {2: _second_order(), 3: _third_order(), 4: _fourth_order()}
"""Methods by order."""
