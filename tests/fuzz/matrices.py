"""Random matrices and right-hand sides, most of them awkward."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

SIZES = (1, 2, 3, 5, 8, 13, 30, 60)
FORMATS = (
    "ndarray",
    "csr",
    "csc",
    "coo",
    "bsr",
    "dia",
    "lil",
    "dok",
    "list",
    "fortran",
    "strided",
    "torch",
    "operator",
)


def scale(rng: np.random.Generator) -> float:
    """Return a factor: mostly 1, otherwise anything a double holds."""
    return (
        1.0
        if rng.random() < 0.6
        else 10.0 ** rng.uniform(-300, 300)
        if rng.random() < 0.5
        else 10.0 ** rng.uniform(-9, 9)
    )


def matrix(rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """Return a square matrix and what kind it is."""
    n = int(rng.choice(SIZES))
    kinds = (
        "spd",
        "laplacian",
        "neumann",
        "indefinite",
        "general",
        "singular",
        "graph",
        "rows",
        "zero",
        "triangular",
        "nan",
        "stiff",
    )
    kind = str(rng.choice(kinds, p=[0.16, 0.12, 0.1, 0.1, 0.12, 0.08, 0.08, 0.08, 0.02, 0.06, 0.02, 0.06]))
    G = rng.standard_normal((n, n))
    path = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    if kind == "spd":
        A = G @ G.T / n + np.eye(n)
    elif kind == "laplacian":
        A = path
    elif kind == "neumann":
        A = path.copy()
        A[0, 0] = A[-1, -1] = 1.0 if n > 1 else 0.0
    elif kind == "indefinite":
        A = G + G.T
    elif kind == "singular":
        rank = max(0, n - int(rng.integers(1, 3)))
        A = G[:, :rank] @ rng.standard_normal((rank, n))
        A = A @ A.T if rng.random() < 0.5 else A
    elif kind == "graph":
        W = np.triu(rng.random((n, n)) < 2.0 / n, 1).astype(float)
        W += W.T
        A = np.diag(W.sum(0)) - W
    elif kind == "rows":
        A = (G + n * np.eye(n)) * 10.0 ** rng.uniform(-8, 8, (n, 1))
    elif kind == "zero":
        A = np.zeros((n, n))
    elif kind == "triangular":
        A = np.tril(G) + np.eye(n)
    elif kind == "nan":
        A = G.copy()
        A[0, -1] = rng.choice([np.nan, np.inf, -np.inf])
    elif kind == "stiff":
        Q = np.linalg.qr(G)[0]
        A = (Q * 10.0 ** np.linspace(0, -rng.uniform(2, 14), n)) @ Q.T
        A = 0.5 * (A + A.T)
    else:
        A = G
    with np.errstate(over="ignore"):
        return A * scale(rng), kind


def right_hand_side(rng: np.random.Generator, A: np.ndarray) -> tuple[np.ndarray, str]:
    """Return a right-hand side or a block, and what kind it is."""
    n = A.shape[0]
    kind = str(
        rng.choice(
            ["any", "consistent", "block", "column", "zero", "short", "nan", "unit"],
            p=[0.3, 0.3, 0.14, 0.06, 0.05, 0.03, 0.03, 0.09],
        )
    )
    shape = {"block": (n, int(rng.integers(1, 5))), "column": (n, 1), "short": (max(n - 1, 0),)}.get(kind, (n,))
    b = rng.standard_normal(shape)
    with np.errstate(all="ignore"):
        if kind == "consistent":
            b = A @ rng.standard_normal(n)
        elif kind == "zero":
            b = np.zeros(n)
        elif kind == "nan":
            b[int(rng.integers(n))] = rng.choice([np.nan, np.inf])
        elif kind == "unit":
            b = np.eye(n)[int(rng.integers(n))]
        elif kind == "block" and rng.random() < 0.5:
            b = b * 10.0 ** rng.uniform(-200, 200, b.shape[1])
        return (b if kind == "consistent" else b * scale(rng)), kind


def stored(rng: np.random.Generator, A: np.ndarray) -> tuple[Any, str]:
    """Return the matrix in some storage, and its name; entries may be integers or single precision."""
    form = str(rng.choice(FORMATS))
    if rng.random() < 0.15 and np.isfinite(A).all() and abs(A).max(initial=0) < 1e30 and abs(A).max(initial=1) > 1e-30:
        A = A.astype(np.float32)
    if form == "ndarray":
        return A, form
    if form == "list":
        return A.tolist(), form
    if form == "fortran":
        return np.asfortranarray(A), form
    if form == "strided":
        wide = np.zeros((2 * A.shape[0], 2 * A.shape[1]), A.dtype)
        wide[::2, ::2] = A
        return wide[::2, ::2], form
    if form == "torch":
        return torch.tensor(A), form
    if form == "operator":
        from scipy.sparse.linalg import aslinearoperator

        return aslinearoperator(A), form
    return getattr(sp, f"{form}_array")(A), form


def exact(values: Any) -> np.ndarray:
    """Return values in extended precision, whose exponents do not overflow."""
    if hasattr(values, "detach"):
        values = values.detach().numpy()
    return np.asarray(values).astype(np.longdouble)
