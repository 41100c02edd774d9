"""Spectral clustering of large graphs: time against ARPACK and LOBPCG, growth and memory."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

import ritz
from benchmarks.harness import Suite
from ritz import AttributedGraph, problems
from ritz.comparing.environment import environment, pinned_threads
from ritz.comparing.memory import peak_memory
from ritz.solvers.clustering.embedding import leading_eigenvectors, similarity_of

BLOCKS, NEIGHBOURS, GRID = "block model", "neighbour graph", "grid"
SIZES, QUICK = (10_000, 100_000, 1_000_000), (2_000, 4_000, 8_000)
ACCURACY = 1e-4  # residual of eigenvectors on graphs with a small gap, relative to the largest wanted eigenvalue
COUNT = 10
RESTARTS = 4  # for LOBPCG, which stagnates above the accuracy on the largest grid


def make(family: str, n: int) -> AttributedGraph:
    """Return a graph with about n vertices."""
    if family == BLOCKS:
        return problems.stochastic_block_model((n // 10,) * 10, degree=14.0, ambiguity=0.03, metadata=None)
    if family == NEIGHBOURS:
        return problems.neighbour_graph(n, layout="square").largest_component()
    return problems.grid_graph((round(n**0.5),) * 2)


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure every family at every size, with interleaved solvers; peers take part at the largest size only."""
    rows: list[dict[str, Any]] = []
    console = Console(stderr=True)
    with pinned_threads(1):
        for family in (BLOCKS, NEIGHBOURS, GRID):
            _calls(make(family, 2_000))["ritz"]()  # compilation
            for n in QUICK if quick else SIZES:
                graph = make(family, n)
                calls = _calls(graph)
                if n < (QUICK if quick else SIZES)[-1]:
                    calls = {"ritz": calls["ritz"]}
                for _ in range(2 if n < 1_000_000 else 1):
                    for name, call in calls.items():
                        began = time.perf_counter()
                        facts = call()
                        seconds = time.perf_counter() - began
                        rows.append(_row(family, graph, name) | {"seconds": seconds, **facts})
                memory = peak_memory(calls["ritz"])[1] if n <= 100_000 or family == BLOCKS else None
                rows.append(_row(family, graph, "ritz") | {"memory": memory})
                console.print(f"clustering-scale: {family}, {graph.size} vertices")
    facts = environment(threads=1)
    return [{**row, "environment": facts} for row in rows]


def _row(family: str, graph: AttributedGraph, solver: str) -> dict[str, Any]:
    row = {"suite": "clustering-scale", "family": family, "vertices": graph.size, "edges": graph.edges}
    return row | {"solver": solver}


def _calls(graph: AttributedGraph) -> dict[str, Callable[[], dict[str, Any]]]:
    if graph.labels is not None:
        return {"ritz": lambda: _clustered(graph), "eigsh + K-means": lambda: _clustered_by_arpack(graph)}
    return {"ritz": lambda: _multigrid(graph), "LOBPCG + PyAMG": lambda: _lobpcg(graph)}


def _clustered(graph: AttributedGraph) -> dict[str, Any]:
    solution = ritz.solve(graph, "spectral-clustering", clusters=10, rtol=1e-4, throw=False)
    return {"nmi": solution.stats["nmi"], "chosen": solution.stats["eigensolver"], "status": solution.status.name}


def _clustered_by_arpack(graph: AttributedGraph) -> dict[str, Any]:
    from scipy.sparse import csr_array, diags_array
    from scipy.sparse.linalg import eigsh
    from sklearn.cluster import KMeans
    from sklearn.metrics import normalized_mutual_info_score

    scale = diags_array(1.0 / np.sqrt(graph.degrees + graph.degrees.mean()))
    vectors = eigsh(csr_array(scale @ graph.adjacency @ scale), k=10, tol=1e-2, which="LA")[1]
    points = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    labels = KMeans(10, n_init=1, random_state=0).fit(points).labels_
    return {"nmi": float(normalized_mutual_info_score(graph.labels, labels))}


def _multigrid(graph: AttributedGraph) -> dict[str, Any]:
    found, chosen = leading_eigenvectors(similarity_of(graph), COUNT, tolerance=ACCURACY)
    return {"residual": float(found.residuals.max()), "chosen": chosen["eigensolver"], "iterations": found.products}


def _lobpcg(graph: AttributedGraph) -> dict[str, Any]:
    """Run SciPy's LOBPCG with PyAMG's smoothed aggregation to our accuracy, deflating the constant vector as we do."""
    import pyamg
    from scipy.sparse import csr_array, csr_matrix, diags_array, eye_array
    from scipy.sparse.linalg import lobpcg

    root = np.sqrt(graph.degrees)
    scale = diags_array(1.0 / root)
    laplacian = csr_array(eye_array(graph.size) - scale @ graph.adjacency @ scale)
    hierarchy = pyamg.smoothed_aggregation_solver(csr_matrix(laplacian), B=root[:, None])
    start = np.random.default_rng(0).standard_normal((graph.size, COUNT + 2))
    constraint = (root / np.linalg.norm(root))[:, None]
    largest = 20.0 / graph.size  # slightly below the eigenvalue to which residuals are relative
    vectors, residual, iterations = start, np.inf, 0
    for _ in range(RESTARTS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns about spare vectors that have not converged
            values, vectors, history = lobpcg(
                laplacian,
                vectors,
                M=hierarchy.aspreconditioner(),
                Y=constraint,
                tol=ACCURACY * largest,
                largest=False,
                maxiter=60,
                retResidualNormsHistory=True,
            )
        iterations += len(history)
        order = np.argsort(values)[: COUNT - 1]
        residuals = np.linalg.norm(laplacian @ vectors[:, order] - vectors[:, order] * values[order], axis=0)
        residual = float(residuals.max() / values[order].max())
        if residual <= ACCURACY:
            break
    return {"residual": residual, "iterations": iterations}


def seconds(rows: list[dict[str, Any]], family: str, solver: str) -> dict[int, float]:
    """Return the median seconds by number of vertices."""
    mine = [row for row in rows if (row["family"], row["solver"]) == (family, solver) and "seconds" in row]
    sizes = dict.fromkeys(row["vertices"] for row in mine)
    return {n: float(np.median([row["seconds"] for row in mine if row["vertices"] == n])) for n in sizes}


def exponent(times: dict[int, float]) -> float:
    """Return the exponent p of ``seconds ~ n^p`` by least squares."""
    return float(np.polyfit(np.log(list(times)), np.log(list(times.values())), 1)[0])


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per target."""
    table = Table("measure", "case", "target", "measured")

    def add(what: str, case: str, target: str, value: str, met: bool) -> None:
        table.add_row(what, case, target, value if met else f"[red]{value}[/]")

    for family, peer, least in ((BLOCKS, "eigsh + K-means", 1.0), (NEIGHBOURS, "LOBPCG + PyAMG", 3.0), (GRID, "", 3.0)):
        ours, theirs = seconds(rows, family, "ritz"), seconds(rows, family, peer or "LOBPCG + PyAMG")
        n = max(ours)
        speedup = theirs[n] / ours[n]
        add("times faster", f"{family}, {n:,}, {ours[n]:.1f} s", f">= {least:g}", f"{speedup:.2f}", speedup >= least)
        growth = exponent(ours)
        add("growth exponent", family, "<= 1.1", f"{growth:.2f}", growth <= 1.1)
    for row in rows:
        case = f"{row['family']}, {row['vertices']:,}, {row['solver']}"
        if "nmi" in row and row["vertices"] == max(seconds(rows, row["family"], "ritz")):
            add("NMI", case, ">= 0.99", f"{row['nmi']:.4f}", row["nmi"] >= 0.99)
        if "residual" in row and row["vertices"] == max(seconds(rows, row["family"], "ritz")):
            add("residual", case, f"<= {ACCURACY:g}", f"{row['residual']:.1e}", row["residual"] <= ACCURACY)
        if row.get("memory") is not None and row["family"] == BLOCKS:
            share = row["memory"] / row["edges"]
            add("bytes per edge", case, "<= 40", f"{share:.0f}", share <= 40)
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot seconds against vertices for every family and solver."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    panel = figure.subplots()
    for number, family in enumerate((BLOCKS, NEIGHBOURS, GRID)):
        for solver in dict.fromkeys(row["solver"] for row in rows if row["family"] == family):
            times = seconds(rows, family, solver)
            marker = "o-" if solver == "ritz" else "x"
            panel.loglog(list(times), list(times.values()), marker, color=f"C{number}", label=f"{family}, {solver}")
    panel.set(xlabel="vertices", ylabel="seconds")
    panel.grid(alpha=0.3, which="both")
    panel.legend(fontsize=8)
    return figure


SUITE = Suite("clustering-scale", "How long do large graphs take, and how much memory?", run, summary, plot)
