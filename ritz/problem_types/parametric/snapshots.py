"""Snapshots: solutions of a parametric problem, from which reduced models are built."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ritz.arguments import check_seed
from ritz.errors import InvalidProblem, ZeroSnapshotWarning
from ritz.operators import Operator, aslinearoperator
from ritz.operators.checks import asymmetry
from ritz.pickling import Picklable

__all__ = ["Snapshots", "apply_product", "check_product", "user_stacklevel"]

NEGLIGIBLE = 1e-12  # norm, relative to the largest, below which a snapshot counts as zero


@dataclass(frozen=True, eq=False)
class Snapshots(Picklable):
    """States with the parameters they belong to.

    Parameters
    ----------
    parameters : array, shape (N, p)
    states : array, shape (N, n)
        Real or complex states, one per row. States whose norm is below 1e-12 of the largest are dropped with a
        warning.
    product : Operator, shape (n, n), optional
        Symmetric positive definite M of the inner product ``u^* M v``; Euclidean if None.
    groups : array of int, shape (N,), optional
        Group of each state. `split` keeps groups together, such as the states of one trajectory. If None, each state
        is a group of its own.
    times : array, shape (N,), optional
        Times of the states of trajectories.
    names : sequence of str, optional
        Names of the parameters.

    Attributes
    ----------
    norms : ndarray, shape (N,)
        Norms of the states in the inner product.

    Raises
    ------
    InvalidProblem
        For shapes that do not fit, NaN or infinity (naming the parameters), states that are all zero, or a product that
        is not symmetric positive definite.

    Warns
    -----
    UserWarning
        If all states are equal although their parameters differ.

    Examples
    --------
    >>> snapshots = Snapshots(np.array([[1.0], [2.0]]), np.array([[3.0, 4.0], [0.0, 2.0]]))
    >>> snapshots.norms.tolist(), snapshots.normalised().states.tolist()
    ([5.0, 2.0], [[0.6, 0.8], [0.0, 1.0]])
    """

    parameters: Any
    states: Any
    product: Any = None
    groups: Any = None
    times: Any = None
    names: Sequence[str] = ()
    norms: np.ndarray = field(init=False, repr=False)

    def __post_init__(self):
        parameters, states = np.asarray(self.parameters, dtype=np.float64), np.asarray(self.states)
        if states.ndim != 2 or states.size == 0:
            raise InvalidProblem(f"states has shape {states.shape}; it must be (N, n), one snapshot per row")
        count, n = states.shape
        if parameters.ndim != 2 or len(parameters) != count:
            raise InvalidProblem(
                f"parameters has shape {parameters.shape}; it must be ({count}, p), one row per snapshot"
            )
        states = states if states.dtype.kind in "fc" else states.astype(np.float64)
        names = tuple(self.names) or tuple(f"mu{i}" for i in range(parameters.shape[1]))
        finite = np.isfinite(states).all(axis=1)
        if not finite.all():
            first = int(np.argmin(finite))
            said = ", ".join(f"{name} = {value:g}" for name, value in zip(names, parameters[first], strict=True))
            raise InvalidProblem(
                f"{np.count_nonzero(~finite)} snapshots have entries that are NaN or infinite, the first being number"
                f" {first} ({said}): leave out solves that failed"
            )
        rows = {"groups": np.arange(count) if self.groups is None else np.asarray(self.groups)}
        if self.times is not None:
            rows["times"] = np.asarray(self.times, dtype=np.float64)
        for name, values in rows.items():
            if values.shape != (count,):
                raise InvalidProblem(f"{name} has shape {values.shape}; it must be ({count},), one entry per snapshot")
        product = check_product(self.product, n)
        norms = _norms(states, product)
        kept = norms > NEGLIGIBLE * norms.max()
        if not kept.any():
            raise InvalidProblem("all snapshots are zero: there is nothing to build a basis from")
        if not kept.all():
            warnings.warn(
                f"{np.count_nonzero(~kept)} snapshots that are zero are dropped, the first being number"
                f" {int(np.argmin(kept))}",
                ZeroSnapshotWarning,
                stacklevel=3,
            )
            parameters, states = parameters[kept], states[kept]
            rows = {name: values[kept] for name, values in rows.items()}
        if (
            (parameters != parameters[0]).any()
            and np.array_equal(states[0], states[-1])
            and (states == states[0]).all()
        ):
            warnings.warn(
                f"all {len(states)} snapshots are equal, although their parameters differ: either the solution does not"
                " depend on the parameters, or one array was filled again for each solution and not copied",
                UserWarning,
                stacklevel=user_stacklevel(),
            )
        checked = {"parameters": parameters, "states": states, "product": product, "names": names, **rows}
        for name, value in {**checked, "norms": norms[kept]}.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.states)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return int(self.states.shape[1])

    def normalised(self) -> Snapshots:
        """Return the snapshots scaled to norm 1."""
        return self._with(states=self.states / self.norms[:, None], norms=np.ones(len(self)))

    def select(self, rows: Any) -> Snapshots:
        """Return the snapshots selected by indices or by a mask."""
        names = ("parameters", "states", "groups", "norms", *(() if self.times is None else ("times",)))
        return self._with(**{name: getattr(self, name)[rows] for name in names})

    def split(self, fraction: float = 0.75, *, seed: int = 0) -> tuple[Snapshots, Snapshots]:
        """Split at random into two parts, the first with about `fraction` of the groups.

        Raises
        ------
        InvalidProblem
            If a part would be empty.
        """
        groups = np.unique(self.groups)
        count = round(fraction * len(groups))
        if not 0 < count < len(groups):
            raise InvalidProblem(f"fraction is {fraction}; of {len(groups)} groups it leaves a part empty")
        chosen = np.random.default_rng(check_seed(seed)).permutation(groups)[:count]
        first = np.isin(self.groups, chosen)
        return self.select(first), self.select(~first)

    def _with(self, **values: np.ndarray) -> Snapshots:
        """Return a copy with some arrays replaced, without checks."""
        if not len(values["states"]):
            raise InvalidProblem("no snapshot is selected")
        other = copy(self)
        for name, value in values.items():
            object.__setattr__(other, name, value)
        return other


def user_stacklevel() -> int:
    """Return the `stacklevel` at which a warning of the calling function points at the first caller outside of Ritz."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == "ritz":
        frame, level = frame.f_back, level + 1
    return level


def apply_product(product: Operator | None, columns: np.ndarray) -> np.ndarray:
    """Return ``M x`` for a real or complex array of shape (n,) or (n, k); `columns` itself if M is None."""
    if product is None:
        return columns
    if np.iscomplexobj(columns):
        real, imaginary = np.real(columns), np.imag(columns)
        return np.asarray(product @ real.copy()) + 1j * np.asarray(product @ imaginary.copy())
    return np.asarray(product @ columns)


def check_product(product: Any, n: int) -> Operator | None:
    """Return the operator of an inner product.

    Raises
    ------
    InvalidProblem
        If its shape is not (n, n), or products with random vectors show that it is not symmetric positive definite.
    """
    if product is None:
        return None
    operator = aslinearoperator(product)
    if operator.shape != (n, n):
        raise InvalidProblem(f"product has shape {operator.shape}; states of {n} entries need ({n}, {n})")
    probes = np.random.default_rng(0).standard_normal((n, 3))
    energies = np.sum(probes * np.asarray(operator @ probes), axis=0)
    if asymmetry(operator) or not (energies > 0).all():
        raise InvalidProblem("product is not symmetric positive definite, so it does not define an inner product")
    return operator


def _norms(states: np.ndarray, product: Operator | None) -> np.ndarray:
    if product is None:
        return np.linalg.norm(states, axis=1)
    weighted = apply_product(product, states.T).T
    return np.sqrt(np.maximum(np.sum(states.conj() * weighted, axis=1).real, 0.0))
