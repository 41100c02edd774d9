"""Reference answers of least squares in extended precision, and tables whose columns differ in length and offset."""

from __future__ import annotations

import numpy as np

LONG = np.longdouble


def householder(A: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the minimiser for a matrix of full column rank by Householder QR with 64-bit mantissas."""
    R, Y = A.astype(LONG), b.astype(LONG).reshape(len(b), -1)
    units = 1 / np.abs(R).max(axis=0)
    R *= units
    for k in range(R.shape[1]):
        v = R[k:, k].copy()
        v[0] += np.copysign(np.sqrt((v * v).sum()), v[0])
        v /= np.sqrt((v * v).sum())
        R[k:] -= 2 * np.outer(v, v @ R[k:])
        Y[k:] -= 2 * np.outer(v, v @ Y[k:])
    x = np.zeros((R.shape[1], Y.shape[1]), LONG)
    for k in reversed(range(R.shape[1])):
        x[k] = (Y[k] - R[k, k + 1 :] @ x[k + 1 :]) / R[k, k]
    return (x * units[:, None]).reshape(R.shape[1], *b.shape[1:])


def shortest(x: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return `x` without its part in the span of the columns of `null`, which are orthogonal."""
    return x - null @ ((null.T.astype(LONG) @ x) / (null * null).sum(axis=0))


def condition(A: np.ndarray) -> float:
    """Return the condition number with columns of unit length."""
    return float(np.linalg.cond(A / np.linalg.norm(A, axis=0)))


def attainable(A: np.ndarray, b: np.ndarray, x: np.ndarray) -> float:
    """Return the relative error that QR in double precision may make, with columns of unit length."""
    kappa, lengths = condition(A), np.linalg.norm(A, axis=0)
    size = np.linalg.norm((x.T * lengths).T)
    return float(np.finfo(float).eps * kappa * (1.0 + kappa * np.linalg.norm(b - A @ x.astype(float)) / size))


def difference(A: np.ndarray, x: np.ndarray, reference: np.ndarray) -> float:
    """Return the relative error of `x`, with columns of unit length."""
    lengths = np.linalg.norm(A, axis=0)
    return float(np.linalg.norm(((x - reference).T * lengths).T) / np.linalg.norm((reference.T * lengths).T))


def offset(size: float, rows: int = 400) -> np.ndarray:
    """Return an intercept and times that spread over 1 around `size`."""
    return np.column_stack((np.ones(rows), size + np.random.default_rng(1).standard_normal(rows)))


def years(degree: int, rows: int = 71) -> np.ndarray:
    return np.vander(np.linspace(1950.0, 2020.0, rows), degree + 1)


def units(low: int, high: int, columns: int = 7, rows: int = 300) -> np.ndarray:
    return np.random.default_rng(2).standard_normal((rows, columns)) * np.logspace(low, high, columns)


def near(distance: float, rows: int = 300) -> np.ndarray:
    """Return columns of which two differ by `distance` times a third."""
    A = np.random.default_rng(3).standard_normal((rows, 5))
    A[:, 4] = A[:, 3] + distance * A[:, 4]
    return A


def dummies(levels: int, rows: int = 240) -> np.ndarray:
    """Return an intercept, all indicators of a category but the first, and a time in unix seconds."""
    generator = np.random.default_rng(4)
    category = generator.integers(0, levels, rows)
    seconds = 1.7e9 + generator.uniform(0.0, 86400.0, rows)
    return np.column_stack((np.ones(rows), *(category == level for level in range(1, levels)), seconds))


def sensors(rows: int = 500) -> np.ndarray:
    """Return a table of unlike quantities: metres in nanometres, seconds since 1970, a share, an atmosphere in Pa."""
    generator = np.random.default_rng(5)
    return np.column_stack((
        1e-9 * generator.uniform(380.0, 750.0, rows), 1.6e9 + generator.uniform(0.0, 100.0, rows),
        generator.uniform(0.0, 1.0, rows), 101325.0 + generator.standard_normal(rows), np.ones(rows),
    ))  # fmt: skip


TABLES = {f"offset 1e{k}": lambda k=k: offset(10.0**k) for k in range(0, 13, 2)}
TABLES |= {f"years^{k}": lambda k=k: years(k) for k in (1, 2, 3)}
TABLES |= {f"units 1e{low} to 1e{high}": lambda pair=(low, high): units(*pair) for low, high in ((-9, 9), (-3, 3))}
TABLES |= {f"near {d:g}": lambda d=d: near(d) for d in (1e-3, 1e-6, 1e-9)} | {"dummies": lambda: dummies(6)}

ASIDE = {f"offset 1e{k}": lambda k=k: offset(10.0**k, 2000) for k in (5, 7, 9, 11)}
"""A third of the tables, which no constant was fitted to."""
ASIDE |= {"years^4": lambda: years(4, 500), "units 1e-12 to 1e6": lambda: units(-12, 6, 9, 900)}
ASIDE |= {"near 1e-11": lambda: near(1e-11, 900), "sensors": sensors}
