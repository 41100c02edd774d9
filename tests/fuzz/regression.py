"""Calls that solve least-squares and l_p regression problems."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

import ritz
from ritz.estimators import LpRegressor, SketchedLinearRegression
from ritz.registry import solvers

from .calls import Call
from .matrices import exact, scale


def _table(rng: np.random.Generator, rows: int, columns: int) -> tuple[np.ndarray, str]:
    kind = str(rng.choice(["plain", "offset", "powers", "units", "dummies", "dependent", "rows"]))
    A = rng.standard_normal((rows, columns))
    if kind == "offset":
        A[:, 0] += 10.0 ** rng.uniform(0, 6)
    elif kind == "powers":
        A = rng.uniform(1950, 2020, (rows, 1)) ** np.arange(min(columns, 3))
    elif kind == "units":
        A *= 10.0 ** rng.uniform(-9, 9, columns)
    elif kind == "dummies":
        A = (rng.integers(0, columns, rows)[:, None] == np.arange(columns)).astype(float)
    elif kind == "dependent" and columns > 1:
        A[:, -1] = A[:, :-1].sum(axis=1)
    elif kind == "rows":
        A *= 10.0 ** rng.uniform(-4, 4, (rows, 1))
    return A, kind


def _least(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a minimiser of ``||A x - b||`` by Householder reflections in extended precision, with pivoting."""
    R, y = exact(A), exact(b)[:, None]
    sizes = np.sqrt((R * R).sum(axis=0))
    sizes = np.where(sizes > 0, sizes, 1)
    R = R / sizes
    rows, columns = R.shape
    order, rank = list(range(columns)), 0
    for k in range(min(rows, columns)):
        left = (R[k:, k:] ** 2).sum(axis=0)
        if float(left.max()) <= 1e-24:
            break
        pivot = k + int(left.argmax())
        R[:, [k, pivot]], (order[k], order[pivot]) = R[:, [pivot, k]], (order[pivot], order[k])
        v = R[k:, k].copy()
        v[0] += np.copysign(np.sqrt((v * v).sum()), v[0])
        v /= np.sqrt((v * v).sum())
        R[k:] -= 2 * np.outer(v, v @ R[k:])
        y[k:] -= 2 * np.outer(v, v @ y[k:])
        rank += 1
    z = np.zeros(columns, np.longdouble)
    for k in range(rank - 1, -1, -1):
        z[k] = (y[k, 0] - R[k, k + 1 : rank] @ z[k + 1 : rank]) / R[k, k]
    x = np.zeros(columns, np.longdouble)
    x[order] = z
    return x / sizes


def least_squares(rng: np.random.Generator) -> Call:
    """Solve a least-squares problem."""
    columns = int(rng.integers(1, 7))
    rows = int(rng.integers(1, 80))
    A, kind = _table(rng, rows, columns)
    columns = A.shape[1]
    b = A @ rng.standard_normal(columns) + rng.choice([0.0, 0.1, 10.0]) * rng.standard_normal(rows)
    A, b = A * scale(rng), b * scale(rng)
    if not (np.isfinite(A).all() and np.isfinite(b).all()):
        A, b = np.nan_to_num(A), np.nan_to_num(b)
    if rng.random() < 0.03:
        b[0] = np.nan
    form = str(rng.choice(["dense", "csr", "blocks", "operator"], p=[0.5, 0.25, 0.15, 0.1]))
    names = [name for name in solvers.names() if solvers[name].solves is ritz.LeastSquares]
    solver = str(rng.choice(["auto", *names]))
    given: Any = A
    if form == "csr":
        given = sp.csr_array(A)
    elif form == "blocks":
        given = [A[: rows // 2], A[rows // 2 :]] if rows > 1 else [A]
    elif form == "operator":
        given = ritz.operators.aslinearoperator(A)

    def check(solution: Any) -> str | None:
        if not np.isfinite(solution.x).all():
            return f"x is not finite, {solution.status.name}"
        if not solution.converged:
            return "not converged"
        best, found = (exact(A) @ x - exact(b) for x in (_least(A, b), exact(solution.x)))
        size = np.sqrt((exact(b) ** 2).sum())
        excess = float((np.sqrt((found**2).sum()) - np.sqrt((best**2).sum())) / (size or 1))
        reach = float(np.sqrt((best**2).sum()) / (size or 1))
        allowed = (0.6 if solver == "sketch-solve" else 1e-6) * reach + 1e-6
        return (
            None if excess <= allowed else f"CONVERGED with a residual larger than the least by {excess:.1e} of ||b||"
        )

    text = f"LeastSquares({kind} {A.shape} as {form}), {solver!r}"
    inputs = [A, b, given] if form == "csr" else [A, b]
    return Call(text, lambda: ritz.solve(ritz.LeastSquares(given, b), solver, throw=False), check, inputs)


def lp_regression(rng: np.random.Generator) -> Call:
    """Solve a regression problem in another norm."""
    columns = int(rng.integers(1, 4))
    rows = int(rng.integers(columns, 25))
    A, kind = _table(rng, rows, columns)
    columns = A.shape[1]
    b = rng.standard_normal(rows) * (scale(rng) if rng.random() < 0.3 else 1.0)
    if not np.isfinite(b).all():
        b = np.nan_to_num(b)
    p = float(rng.choice([1.0, 1.3, 2.0, 3.0, 6.0, np.inf]))
    solver = str(rng.choice(["auto", "lp", "lp-highs"]))
    given = sp.csr_array(A) if rng.random() < 0.4 else A

    def check(solution: Any) -> str | None:
        if not np.isfinite(solution.x).all():
            return f"x is not finite, {solution.status.name}"
        if not solution.converged:
            return "not converged"
        unit = float(abs(b).max(initial=0.0)) or 1.0
        residual = abs(exact(b) - exact(A) @ exact(solution.x)) / unit
        value = float(residual.max() if p == np.inf else (residual**p).sum() ** (1 / p))
        least = _reference(A, b / unit, p)
        if least is not None and value > least * (1 + 1e-5) + 1e-7:
            return f"CONVERGED at {value:.6g} where {least:.6g} is possible"
        return None

    text = f"LpRegression({kind} {A.shape}, p={p}), {solver!r}, {'sparse' if sp.issparse(given) else 'dense'}"
    return Call(text, lambda: ritz.solve(ritz.LpRegression(given, b, p), solver, throw=False), check, [A, b, given])


def _reference(A: np.ndarray, b: np.ndarray, p: float) -> float | None:
    """Return a value that some x reaches: by linear programming, or by reweighting; None if neither works."""
    rows, columns = A.shape
    sizes = abs(A).max(axis=0)
    A = A / np.where(sizes > 0, sizes, 1)
    if p in (1.0, np.inf):
        count = rows if p == 1.0 else 1
        slack = np.eye(rows) if p == 1.0 else np.ones((rows, 1))
        costs = np.concatenate((np.zeros(columns), np.ones(count)))
        done = linprog(
            costs,
            np.block([[A, -slack], [-A, -slack]]),
            np.concatenate((b, -b)),
            bounds=[(None, None)] * columns + [(0, None)] * count,
        )
        if done.status != 0:
            return None
        residual = abs(exact(b) - exact(A) @ exact(done.x[:columns]))
        return float(residual.sum() if p == 1.0 else residual.max())
    x = _least(A, b)
    values = []
    for _ in range(80):
        residual = abs(exact(b) - exact(A) @ x)
        values.append(float((residual**p).sum() ** (1 / p)))
        weights = np.maximum(residual, 1e-12 * (float(residual.max()) or 1.0)) ** ((p - 2) / 2)
        weights = (weights / weights.max()).astype(float)
        x = x + (_least(A * weights[:, None], b * weights) - x) / max(1.0, p - 1)
    return min(values)


def estimators(rng: np.random.Generator) -> Call:
    """Fit a scikit-learn estimator and predict with it."""
    rows, columns = int(rng.integers(2, 60)), int(rng.integers(1, 5))
    A, kind = _table(rng, rows, columns)
    y = A @ np.ones(A.shape[1]) + 0.01 * rng.standard_normal(rows)
    model = SketchedLinearRegression() if rng.random() < 0.5 else LpRegressor(p=float(rng.choice([1.0, 1.5, 4.0])))

    def check(predicted: Any) -> str | None:
        if predicted.shape != y.shape or not np.isfinite(predicted).all():
            return f"predictions of shape {predicted.shape}, finite: {np.isfinite(predicted).all()}"
        if isinstance(model, LpRegressor):
            return None
        centred = np.column_stack((A, np.ones(rows)))
        least = np.linalg.norm(np.asarray(exact(centred) @ _least(centred, y) - exact(y), float))
        found = np.linalg.norm(predicted - y)
        return None if found <= 1.001 * least + 1e-6 * np.linalg.norm(y) else f"residual {found:.3e}, least {least:.3e}"

    return Call(f"{type(model).__name__}.fit({kind} {A.shape})", lambda: model.fit(A, y).predict(A), check, [A, y])
