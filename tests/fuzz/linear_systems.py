"""Calls that solve linear systems."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

import ritz
from ritz.registry import preconditioners, solvers

from .calls import Call
from .matrices import exact, matrix, right_hand_side, stored

EPSILON = {np.dtype("f4"): 1.2e-7, np.dtype("f8"): 2.3e-16}


def names() -> list[str]:
    """Return the solvers of linear systems."""
    return [
        name for name in solvers.names() if solvers[name].solves in (ritz.LinearSystem, object) and name != "cholmod"
    ]


def judge(A: np.ndarray, b: np.ndarray, rtol: float, solution: Any) -> str | None:
    """Return what is wrong with a solution, by its residual in extended precision."""
    values = solution.x.detach().numpy() if hasattr(solution.x, "detach") else np.asarray(solution.x)
    if values.shape != b.shape:
        return f"x has shape {values.shape} for b of shape {b.shape}"
    if not np.isfinite(values).all():
        return f"x is not finite, {solution.status.name}"
    if not np.isfinite(A).all():  # an operator shows its entries only in products
        return "CONVERGED for a matrix that is not finite" if solution.converged else "not converged"
    A, b, x = exact(A), exact(b), exact(values)
    norms = np.sqrt((b * b).sum(axis=0))
    safe = np.where(norms > 0, norms, 1)
    true = np.sqrt(((b - A @ x) ** 2).sum(axis=0)) / safe
    epsilon = EPSILON.get(values.dtype, 2.3e-16)
    rounding = 30 * epsilon * np.sqrt(((abs(A) @ abs(x)) ** 2).sum(axis=0)) / safe
    worst = float(np.max(true - rounding, initial=0.0))
    if solution.converged:
        return (
            None
            if worst <= rtol * (1 + 1e-3)
            else f"CONVERGED at a true residual of {float(np.max(true)):.2e} ({solution.solver})"
        )
    if solution.residual <= rtol:
        return f"{solution.status.name} although the residual is {solution.residual:.1e}"
    return (
        "not converged"
        if worst <= 1 + 1e-3
        else f"worse than zero: {float(np.max(true)):.2e} ({solution.solver}, {solution.status.name})"
    )


def system(rng: np.random.Generator) -> Call:
    """Solve a random system with a random solver."""
    A, kind = matrix(rng)
    b, side = right_hand_side(rng, A)
    given, form = stored(rng, A)
    solver = "auto" if rng.random() < 0.35 else str(rng.choice(names()))
    rtol = float(rng.choice([1e-8, 1e-4, 1e-11]))
    options: dict[str, Any] = {"throw": False, "rtol": rtol if form != "torch" else max(rtol, 1e-8)}
    if rng.random() < 0.1:
        options["maxiter"] = int(rng.integers(0, 20))
    if rng.random() < 0.1 and b.ndim == 1:
        options["x0"] = rng.standard_normal(b.shape)
    if rng.random() < 0.1 and solver in ("cg", "fcg", "gmres", "minres", "bicgstab"):
        options["preconditioner"] = str(rng.choice(preconditioners.names()))
    rhs: Any = b
    if form == "torch":
        import torch

        rhs = torch.tensor(b.astype(given.numpy().dtype) if np.isfinite(b).all() else b)
    elif rng.random() < 0.05:
        rhs = b.tolist()
    entries = exact(np.asarray(given)) if form in ("list", "torch") else exact(A.astype(given.dtype))
    known = exact(rhs)
    text = f"solve({kind} {A.shape} as {form}, b {side}, {solver!r}, {options})"
    inputs = [value for value in (given, rhs) if form != "operator" or value is rhs]
    return Call(
        text,
        lambda: ritz.solve(given, rhs, solver, **options),
        lambda s: judge(entries, _as_solved(known, s), options["rtol"], s),
        inputs,
        warns=form == "operator" and not np.isfinite(A).all(),
    )


def _as_solved(known: np.ndarray, solution: Any) -> np.ndarray:
    """Return b in the precision in which the system was solved."""
    dtype = solution.x.detach().numpy().dtype if hasattr(solution.x, "detach") else np.asarray(solution.x).dtype
    return exact(known.astype(dtype))


def grid(rng: np.random.Generator) -> Call:
    """Solve a problem on a grid with obstacles, jumps or open ends."""
    dimension = int(rng.integers(1, 4))
    shape = tuple(int(rng.integers(2, {1: 60, 2: 14, 3: 7}[dimension])) for _ in range(dimension))
    fluid = rng.random(shape) > rng.choice([0.0, 0.2, 0.5])
    coefficient = 10.0 ** rng.uniform(-rng.choice([0, 2, 6]), 0.5, shape)
    sides = str(rng.choice(["dirichlet", "neumann", "periodic"]))
    walls = str(rng.choice(["dirichlet", "neumann"]))
    source = rng.standard_normal(shape)
    solver = "auto" if rng.random() < 0.3 else str(rng.choice(names()))
    text = f"from_grid({shape}, {fluid.mean():.2f} fluid, {sides}, solid_boundary={walls!r}), {solver!r}"

    def run() -> Any:
        problem = ritz.problems.from_grid(
            fluid, coefficient=coefficient, boundary=sides, solid_boundary=walls, rhs=source
        )
        return problem, ritz.solve(problem, solver, throw=False)

    def check(result: Any) -> str | None:
        problem, solution = result
        return judge(problem.operator.to_dense(), np.asarray(problem.rhs), 1e-8, solution)

    return Call(text, run, check, [fluid, coefficient, source])


def shared(rng: np.random.Generator) -> Call:
    """Solve with one prepared solver in four threads."""
    n = int(rng.integers(5, 40))
    G = rng.standard_normal((n, n))
    A = G @ G.T / n + np.eye(n)
    B = rng.standard_normal((n, 8))
    solver = str(rng.choice(names()))

    def run() -> Any:
        prepared = solvers[solver]().prepare(ritz.LinearSystem(A, B[:, 0]))
        found: list[Any] = [None] * 8

        def work(first: int) -> None:
            for j in range(first, 8, 4):
                found[j] = prepared.solve(B[:, j].copy())

        threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    def check(found: Any) -> str | None:
        problems = [
            judge(A, B[:, j], 1e-8, solution) if solution is not None else "a thread died"
            for j, solution in enumerate(found)
        ]
        return next((problem for problem in problems if problem), None)

    return Call(f"prepared {solver!r} for {n} unknowns in four threads", run, check, [A, B])


def sequence(rng: np.random.Generator) -> Call:
    """Solve for several right-hand sides one after another, each from the solution before."""
    n = int(rng.integers(2, 30))
    A = 2.5 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    solver = str(rng.choice(["auto", "cg", "lu", "gmres", "mic-cg"]))
    factor = 10.0 ** rng.uniform(-100, 100) if rng.random() < 0.3 else 1.0
    start = factor * rng.standard_normal(n)
    steps = int(rng.integers(1, 6))

    def run() -> Any:
        problem = ritz.SystemSequence(
            ritz.operators.aslinearoperator(A), start, lambda state: state, lambda state, x: x, steps
        )
        return ritz.solve(problem, solver, throw=False)

    def check(result: Any) -> str | None:
        wanted = exact(start)
        for step in result.steps:
            wrong = judge(A, wanted.astype(float), 1e-8, step)
            if wrong:
                return wrong
            wanted = exact(step.x)
        return None

    return Call(f"sequence of {steps} systems of {n}, {solver!r}, size {factor:.0e}", run, check, [A, start])
