"""Calls that solve differential equations, cluster graphs and estimate spectra."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy import stats

import ritz
from ritz.registry import solvers
from ritz.solvers import spectrum

from .calls import Call
from .matrices import matrix


def differential_equation(rng: np.random.Generator) -> Call:
    """Solve an equation on an interval whose solution is known."""
    kind = str(rng.choice(["sine", "polynomial", "layer", "chirp"], p=[0.5, 0.2, 0.15, 0.15]))
    w = float(10.0 ** rng.uniform(0, 3.3))
    if kind == "sine":
        phase = rng.uniform(0, 6)
        u, second = (lambda x: np.sin(w * x + phase)), (lambda x: -w * w * np.sin(w * x + phase))
    elif kind == "polynomial":
        c = np.polynomial.Polynomial(rng.standard_normal(6))
        u, second = c, c.deriv(2)
    elif kind == "layer":
        e = 1.0 / w
        u, second = (lambda x: np.exp(-x / e)), (lambda x: np.exp(-x / e) / e**2)
    else:
        a = min(w, 200.0)
        u = lambda x: np.sin(a * x * x)  # noqa: E731
        second = lambda x: 2 * a * np.cos(a * x * x) - 4 * a * a * x * x * np.sin(a * x * x)  # noqa: E731
    shift = float(rng.choice([0.0, 1.0]))
    solver = str(rng.choice(["auto", "finite-difference", "chebyshev", "gp"]))
    problem = {"terms": {2: -1.0, 0: shift}, "source": lambda x: -second(x) + shift * u(x), "boundary": u}
    points = np.sort(rng.random(200))
    size = abs(u(np.linspace(0.0, 1.0, 20_001))).max()

    def check(solution: Any) -> str | None:
        if not solution.converged:
            return "not converged"
        error = abs(np.asarray(solution.interpolate(points)).ravel() - u(points)).max() / size
        return None if error <= 0.05 else "unresolved" if np.isfinite(error) else "not finite"

    text = f"PDE {kind} {w:.4g}, shift {shift}, {solver!r}"
    return Call(text, lambda: ritz.solve(ritz.PDE((0.0, 1.0), **problem), solver, throw=False), check)


def clustering(rng: np.random.Generator) -> Call:
    """Cluster a graph, perhaps one of many parts."""
    n = int(rng.integers(1, 40))
    W = np.triu(rng.random((n, n)) < rng.choice([0.05, 0.2, 0.6]), 1).astype(float)
    W = W + W.T
    if rng.random() < 0.3:
        W *= rng.random((n, n))
        W = np.maximum(W, W.T)
    if rng.random() < 0.3:
        W[: n // 3] = W[:, : n // 3] = 0.0
    adjacency = sp.csr_array(W) if rng.random() < 0.5 else W
    attributes = rng.standard_normal((n, 2)) if rng.random() < 0.4 else None
    names = ["auto", "spectral-clustering", "sklearn-spectral", "attributes-kmeans"]
    solver = str(rng.choice(names))
    options: dict[str, Any] = {}
    if solver != "auto":
        options["clusters"] = int(rng.integers(1, 7)) if solver != "spectral-clustering" or rng.random() < 0.7 else None
    parts = sp.csgraph.connected_components(sp.csr_array(W))[0]

    def check(solution: Any) -> str | None:
        labels = np.asarray(solution.x)
        if labels.shape != (n,) or labels.dtype.kind not in "iu" or labels.min(initial=0) < 0:
            return f"labels of shape {labels.shape} and dtype {labels.dtype}"
        wanted = options.get("clusters")
        found = len(np.unique(labels))
        if solver == "spectral-clustering" and wanted is not None and attributes is None and found != min(wanted, n):
            return (
                f"{found} clusters, {wanted} asked ({parts} parts, {n} vertices)"
                if solution.converged
                else "not converged"
            )
        return None

    text = f"AttributedGraph({n} vertices, {parts} parts, attributes: {attributes is not None}), {solver!r}, {options}"
    run = lambda: ritz.solve(ritz.AttributedGraph(adjacency, attributes), solver, throw=False, **options)  # noqa: E731
    return Call(text, run, check, [adjacency])


def estimate(rng: np.random.Generator) -> Call:
    """Estimate a trace, a diagonal, a determinant or eigenvalues of a symmetric matrix."""
    A, kind = matrix(rng)
    A = 0.5 * A + 0.5 * A.T if np.isfinite(A).all() else A
    n, seed = A.shape[0], int(rng.integers(2**40))
    what = str(rng.choice(["trace", "diagonal", "logdet", "eigenvalues"]))
    if what == "trace":
        method = str(rng.choice(["xtrace", "hutchinson", "hutch++"]))
        run = lambda: spectrum.trace(A, method=method, seed=seed)  # noqa: E731
    elif what == "diagonal":
        run = lambda: spectrum.diagonal(A, budget=int(rng.choice([2, 8, 48, 200])), seed=seed)  # noqa: E731
    elif what == "logdet":
        run = lambda: spectrum.logdet(A, seed=seed)  # noqa: E731
    else:
        run = lambda: spectrum.eigenvalues(A, k=min(3, n), seed=seed)  # noqa: E731

    def check(result: Any) -> str | None:
        size = float(abs(A).max(initial=0.0)) or 1.0
        B = A / size
        eigenvalues = np.linalg.eigvalsh(B)
        if what == "eigenvalues":
            wanted = np.sort(eigenvalues)[::-1][: len(result.values)]
            error = abs(np.sort(np.asarray(result.values) / size)[::-1] - wanted).max()
            converged = bool(np.all(result.converged))
            return None if error <= 1e-6 * n else f"off by {error:.1e}" if converged else "not converged"
        values, errors = np.asarray(result.value), np.asarray(result.standard_error)
        if what == "logdet":
            if eigenvalues.min() <= 0:
                return (
                    "a determinant of a matrix that is not positive definite"
                    if eigenvalues.min() < -1e-8 and result.converged
                    else None
                )
            wanted, unit = np.log(eigenvalues).sum() + n * np.log(size), 1.0
        else:
            wanted, unit = (np.trace(B) if what == "trace" else np.diag(B)), size
        off = abs(values / unit - wanted)
        if not np.isfinite(off).all():
            return "not finite" if result.converged else "not converged"
        # Twice the stated error covers 95 % by Student's law; this many cover all but one in 1e7.
        tails = stats.t.ppf([1 - 5e-8, 0.975], max(1, result.products - 1))
        allowed = 2 * tails[0] / tails[1] * errors / unit + 1e-6 * (1 + abs(wanted)) * n
        share = (off / allowed).max()
        return None if share <= 1 or not result.converged else f"off by {share:.1f} times what was allowed"

    return Call(f"{what} of {kind} {A.shape}, seed {seed}", run, check, [A])


def reduced_model(rng: np.random.Generator) -> Call:
    """Build a reduced model of a function of the parameters, and query it."""
    n, seed = int(rng.integers(2, 30)), int(rng.integers(1000))
    x = np.linspace(0, 1, n)
    work = np.empty(n)
    kind = str(rng.choice(["smooth", "buffer", "constant", "zero", "jump"]))

    def solve(mu: np.ndarray) -> np.ndarray:
        if kind == "constant":
            return np.ones(n)
        if kind == "zero":
            return np.zeros(n)
        if kind == "jump":
            return (x > mu[0]).astype(float)
        work[:] = np.sin(3 * mu[0] * x + 0.3)
        return work if kind == "buffer" else work.copy()

    solver = str(rng.choice(["pod", "local-reduced-basis"]))
    mu = rng.uniform(0.2, 0.8, 1)

    def run() -> Any:
        problem = ritz.ParametricPDE(solve, {"frequency": (0.0, 1.0)})
        options = {"size": int(rng.integers(1, 6)), "samples": int(rng.integers(10, 40)), "seed": seed}
        return solvers[solver](**options).prepare(problem).solve(mu)

    def check(solution: Any) -> str | None:
        wanted = np.array(solve(mu))
        error = np.linalg.norm(solution.x - wanted) / (np.linalg.norm(wanted) or 1.0)
        if not solution.converged or error <= 0.15:
            return None if solution.converged else "not converged"
        return f"error {error:.1e}, estimated {solution.stats.get('error')}"

    return Call(f"{solver!r} of a {kind} function, {n} unknowns", run, check)
