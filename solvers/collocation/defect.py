"""Defect of finite-difference solutions, the source of their discretisation error."""

from __future__ import annotations

import numpy as np

from ritz.problem_types.pde.discretisation import Discretisation, FiniteDifferenceAxis
from ritz.problem_types.pde.fields import evaluate

from .off_grid import OffGrid, along

__all__ = ["defect"]


def defect(
    discretisation: Discretisation, u: np.ndarray, source: np.ndarray | None, off_grid: OffGrid
) -> tuple[np.ndarray, float]:
    """Return what a solution leaves over of the equation, and how much of it shows between the nodes only.

    Derivatives are those of formulas two orders higher. The solution of the discrete equation for this source is an
    estimate of the discretisation error (defect correction :cite:`Stetter1978`). What the data are between the nodes,
    other than interpolated from these, is averaged around the nodes.

    Parameters
    ----------
    discretisation : Discretisation
        Discretisation by finite differences.
    u : ndarray, shape (n1, n2, ...)
        Solution at the unknowns.
    source : ndarray, shape (n1, n2, ...), optional
        Source at the unknowns, if it is known there only.
    off_grid : OffGrid

    Returns
    -------
    left : ndarray, shape (n1, n2, ...)
    unseen : float
        Norm of the part that shows between the nodes only, relative to that of the largest term.
    """
    pde = discretisation.pde
    nodes = np.meshgrid(*discretisation.grid.axes, indexing="ij")
    points = np.meshgrid(*off_grid.points, indexing="ij")
    axes = [
        FiniteDifferenceAxis(axis.lower, axis.upper, axis.conditions, axis.count, axis.order + 2)
        for axis in discretisation.axes
        if isinstance(axis, FiniteDifferenceAxis)
    ]
    data = discretisation.data.copy()
    data[(slice(1, -1),) * u.ndim] = u
    if source is None:
        left = evaluate("source", pde.source, nodes)
        unseen = evaluate("source", pde.source, points) - off_grid.interpolate(left)
    else:
        left, unseen = source, np.zeros([len(axis) for axis in off_grid.points])
    sizes = [float(np.linalg.norm(left))]
    for index, coefficient in discretisation.coefficients.items():
        derivative = along([axis.derivative(order) for axis, order in zip(axes, index, strict=True)], data)
        term = coefficient * derivative
        left = left - term
        sizes.append(float(np.linalg.norm(term)))
        if isinstance(coefficient, np.ndarray):
            between = evaluate(f"coefficient of the term {index}", pde.terms[index], points)
            unseen = unseen - (between * off_grid.interpolate(derivative) - off_grid.interpolate(term))
    if pde.reaction is not None:
        term, between = (evaluate("reaction", pde.reaction[0], (part,)) for part in (u, off_grid.interpolate(u)))
        left, unseen = left - term, unseen - (between - off_grid.interpolate(term))
        sizes.append(float(np.linalg.norm(term)))
    return left + off_grid.average(unseen), float(np.linalg.norm(unseen)) / (max(sizes) or 1.0)
