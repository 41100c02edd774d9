"""Calls that read files, apply operators and give options that make no sense."""

from __future__ import annotations

import inspect
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

import ritz
from ritz.operators import Kronecker, KroneckerSum, Stencil
from ritz.registry import problems, solvers

from .calls import Call
from .matrices import matrix

JUNK: tuple[Any, ...] = (
    None,
    -1,
    0,
    1,
    2**70,
    1.5,
    np.nan,
    np.inf,
    True,
    "",
    "cg",
    [],
    {},
    (),
    np.zeros(0),
    np.ones((2, 2, 2)),
    b"x",
    1j,
    object(),
)
TRAINED = ("pinn", "rff-pinn", "conjugate-directions", "cholmod")  # or not installed everywhere
PROBLEMS = (
    *("poisson", "diffusion", "from_grid", "heat", "advection_diffusion", "gallery"),
    *("regression", "lp-regression", "ring-of-cliques", "neighbour-graph"),
)


def operator(rng: np.random.Generator) -> Call:
    """Apply an operator and its transpose."""
    kind = str(rng.choice(["stencil", "kronecker", "sum", "algebra"]))
    if kind == "stencil":
        shape = tuple(int(m) for m in rng.integers(1, 7, int(rng.integers(1, 4))))
        sides = str(rng.choice(["dirichlet", "neumann", "periodic"]))
        coefficient = None if rng.random() < 0.5 else 10.0 ** rng.uniform(-3, 3, shape)
        make = lambda: Stencil(shape, boundary=sides, coefficient=coefficient)  # noqa: E731
        text = f"Stencil({shape}, {sides})"
    else:
        factors = [rng.standard_normal((m, m)) for m in rng.integers(1, 5, int(rng.integers(1, 4)))]
        if kind == "kronecker":
            make = lambda: Kronecker(*factors)  # noqa: E731
        elif kind == "sum":
            make = lambda: KroneckerSum(*[f + f.T for f in factors])  # noqa: E731
        else:
            A = ritz.operators.aslinearoperator(sp.csr_array(factors[0]))
            make = lambda: 2.0 * A @ A.T - A  # noqa: E731
        text = f"{kind} of {[f.shape[0] for f in factors]}"
    k = int(rng.integers(1, 4))
    seed = int(rng.integers(1000))

    def run() -> Any:
        made = make()
        X = np.random.default_rng(seed).standard_normal((made.shape[1], k))
        return made, X, made @ X, made.T @ X, made @ X[:, 0]

    def check(result: Any) -> str | None:
        made, X, product, transposed, single = result
        dense = made.to_dense()
        size = 1e-12 * (1 + abs(dense).max(initial=0)) * (1 + abs(X).max(initial=0)) * max(dense.shape)
        errors = [
            abs(product - dense @ X).max(initial=0),
            abs(transposed - dense.T @ X).max(initial=0),
            abs(single - dense @ X[:, 0]).max(initial=0),
        ]
        return None if max(errors) <= size else f"products off by {max(errors):.1e}"

    return Call(text, run, check)


def problem_for(name: str) -> Any:
    """Return a small problem of the kind that a solver solves."""
    kind = solvers[name].solves
    if kind is ritz.LeastSquares:
        return ritz.LeastSquares(np.vander(np.linspace(0.0, 1.0, 12), 3), np.ones(12))
    if kind is ritz.LpRegression:
        return ritz.LpRegression(np.vander(np.linspace(0.0, 1.0, 12), 3), np.arange(12.0) ** 2, 1.0)
    if kind is ritz.AttributedGraph:
        return problems["ring-of-cliques"](3, 4)
    if kind is ritz.ParametricPDE:
        return ritz.ParametricPDE(lambda mu: np.sin(mu[0] * np.linspace(0.0, 1.0, 9)), {"frequency": (0.0, 1.0)})
    if kind is ritz.PDE:
        return ritz.PDE((0.0, 1.0), {2: -1.0}, 1.0)
    return problems["poisson"]((4, 4))


def options(rng: np.random.Generator) -> Call:
    """Give a solver or a problem options of the wrong kind."""
    junk = JUNK[int(rng.integers(len(JUNK)))]
    if rng.random() < 0.5:
        name = str(rng.choice([name for name in solvers.names() if name not in TRAINED]))
        common = ["rtol", "atol", "maxiter", "x0", "solver", "seed"]
        option = str(rng.choice([option.name for option in fields(solvers[name]) if option.init] + common))
        arguments = {"throw": False, **({} if option == "solver" else {"solver": name}), option: junk}
        if solvers[name].solves is ritz.ParametricPDE:
            arguments = {"samples": 12, "size": 3, **arguments}
        return Call(f"solve({name} problem, {arguments})", lambda: ritz.solve(problem_for(name), **arguments))
    name = str(rng.choice(PROBLEMS))
    function = problems[name]
    option = str(rng.choice(list(inspect.signature(function).parameters)))
    if isinstance(junk, int) and abs(junk) > 10**6 and option != "seed":
        junk = -1
    return Call(f"{name}({option}={junk!r})", lambda: function(**{option: junk}))


def matrix_file(rng: np.random.Generator) -> Call:
    """Read a Matrix Market file, perhaps a damaged one."""
    A, kind = matrix(rng)
    A = np.nan_to_num(A)
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / "a.mtx"
    from scipy.io import mmwrite

    mmwrite(path, sp.coo_array(A))
    text = path.read_text()
    damage = str(rng.choice(["none", "cut", "digits", "claims", "header", "word"]))
    if damage == "cut":
        text = text[: int(rng.integers(len(text)))]
    elif damage == "digits":
        spots = [i for i, letter in enumerate(text) if letter.isdigit()]
        for i in rng.choice(spots, min(3, len(spots))):
            text = text[:i] + str(rng.integers(10)) + text[i + 1 :]
    elif damage == "claims":
        lines = text.splitlines()
        where = next(i for i, line in enumerate(lines) if not line.startswith("%"))
        lines[where] = " ".join([str(10 ** int(rng.integers(5, 15)))] * 3)
        text = "\n".join(lines)
    elif damage == "header":
        text = text.replace("general", str(rng.choice(["symmetric", "skew-symmetric", "hermitian", "nothing"])))
        text = text.replace("real", str(rng.choice(["real", "complex", "pattern", "integer"])))
    elif damage == "word":
        text = text.replace("1", "one", 1)
    path.write_text(text)

    def check(problem: Any, keep: Any = folder) -> str | None:
        if damage != "none":
            return None
        dense = problem.operator.to_dense()
        return None if np.allclose(dense, A, rtol=1e-12, atol=0) else "the matrix read is not the matrix written"

    return Call(f"matrix_market({kind} {A.shape}, damage: {damage})", lambda: problems["matrix_market"](path), check)


def edge_list(rng: np.random.Generator) -> Call:
    """Read an edge list in one of the usual styles."""
    n = int(rng.integers(2, 25))
    edges = sorted({tuple(sorted(map(int, rng.choice(n, 2, replace=False)))) for _ in range(int(rng.integers(1, 40)))})
    words = rng.random() < 0.3
    name = (lambda v: f"v{v}") if words else str
    comma = rng.random() < 0.5
    between, ending = ("," if comma else str(rng.choice(["\t", " "]))), (".csv" if comma else ".txt")
    weights = rng.random(len(edges)).round(3) + 0.5 if rng.random() < 0.4 else None
    lines = [
        between.join([name(a), name(b), *([f"{weights[i]:.3f}"] if weights is not None else [])])
        for i, (a, b) in enumerate(edges)
    ]
    top = str(rng.choice(["", "# comment", "% comment", "header"]))
    if top == "header":
        lines.insert(0, between.join(["source", "target", *(["weight"] if weights is not None else [])]))
    elif top:
        lines.insert(0, top)
    newline = str(rng.choice(["\n", "\r\n"]))
    folder = tempfile.TemporaryDirectory()
    path = Path(folder.name) / f"graph{ending}"
    path.write_bytes((b"\xef\xbb\xbf" if rng.random() < 0.2 else b"") + newline.join(lines).encode() + newline.encode())
    used = sorted({v for edge in edges for v in edge}, key=(lambda v: f"v{v}") if words else None)

    def check(graph: Any, keep: Any = folder) -> str | None:
        if graph.adjacency.shape[0] != len(used):
            return f"{graph.adjacency.shape[0]} vertices of {len(used)}"
        given = [str(each) for each in graph.names]
        if sorted(given) != sorted(name(v) for v in used):
            return f"names {given[:5]}"
        if not words and given != [str(v) for v in used]:
            return f"order {given[:5]}"
        dense, where = graph.adjacency.toarray(), {v: i for i, v in enumerate(given)}
        wanted = np.zeros_like(dense)
        for i, (a, b) in enumerate(edges):
            wanted[where[name(a)], where[name(b)]] = wanted[where[name(b)], where[name(a)]] = (
                1.0 if weights is None else weights[i]
            )
        return None if np.allclose(dense, wanted) else "weights differ"

    return Call(
        f"edge list {ending}, {n} vertices, first line {top!r}, names {words}, weights {weights is not None}",
        lambda: problems["graph"](path),
        check,
    )


def command_line(rng: np.random.Generator) -> Call:
    """Run the command line with random words."""
    from typer.testing import CliRunner

    from ritz.command_line.cli import app

    words = [
        "solve",
        "compare",
        "list",
        "poisson",
        "diffusion",
        "heat",
        "regression",
        "--shape",
        "8",
        "-3",
        "x",
        "--solver",
        "cg",
        "lu",
        "auto",
        "nope",
        "--rtol",
        "1e-6",
        "nan",
        "--maxiter",
        "2",
        "--seed",
        "7",
        "--option",
        "restart=3",
        "=",
        "--obstacles",
        "--help",
        "/no/such/file.mtx",
        "--repeat",
        "1",
    ]
    first = [str(rng.choice(["solve", "list", "solve", "compare"]))] + (
        [str(rng.choice(["poisson", "diffusion", "nope"]))] if rng.random() < 0.8 else []
    )
    given = (
        first
        + ["--shape", "6", "6"] * (rng.random() < 0.7)
        + [str(word) for word in rng.choice(words, int(rng.integers(0, 5)))]
    )
    if "compare" in given:
        given += ["--repeat", "1"]

    def check(result: Any) -> str | None:
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            return f"{type(result.exception).__name__}: {result.exception}"
        return None if result.exit_code in (0, 1, 2, 3) else f"exit code {result.exit_code}"

    return Call("ritz " + " ".join(given), lambda: CliRunner().invoke(app, given), check)
