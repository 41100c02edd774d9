"""Seeds: the same values are taken, and refused, wherever randomness enters."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

import ritz
from ritz.errors import InvalidProblem
from ritz.registry import problems, solvers
from ritz.solvers import spectrum
from ritz.solvers.multigrid.pyamg.preconditioner import SmoothedAggregation
from ritz.solvers.partitioning import block_kmeans, k_medoids
from ritz.solvers.regression.column_space.leverage_scores import leverage_scores
from ritz.solvers.training import AdaHessian, hessian_alignment, learning_rate

BAD = [-1, 1.5, True, 2**63, 2**64, "1", float("nan"), np.random.default_rng(0), [1, 2]]
GOOD = [0, np.int32(3), 2**32, 2**40, 2**63 - 1]
MATRIX = np.diag(np.arange(1.0, 31.0))
SYSTEM = ritz.LinearSystem(MATRIX, np.ones(30))
GRAPH = ritz.AttributedGraph(ritz.problems.ring_of_cliques(4, 5).adjacency, attributes=np.repeat(list("abcd"), 5))
FITTED = ritz.LeastSquares(np.vander(np.linspace(0.0, 1.0, 40), 3), np.ones(40))
ROBUST = ritz.LpRegression(FITTED.A, np.linspace(0.0, 1.0, 40) ** 3, p=1)


def alignment(seed):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    return hessian_alignment([(w * w).sum(), (w**3).sum()], [w], method="hutchinson", seed=seed)


SOLVED = {"LinearSystem": SYSTEM, "LeastSquares": FITTED, "LpRegression": ROBUST, "AttributedGraph": GRAPH}
SEEDED = [
    name
    for name in solvers.names()
    if solvers[name].solves.__name__ in SOLVED and any(field.name == "seed" for field in fields(solvers[name]))
]
FUNCTIONS = {
    "solve": lambda seed: ritz.solve(MATRIX, np.ones(30), seed=seed),
    "compare": lambda seed: ritz.compare(SYSTEM, ["cg"], seed=seed, repeat=1),
    "trace": lambda seed: spectrum.trace(MATRIX, 12, seed=seed),
    "hutchinson": lambda seed: spectrum.trace(MATRIX, 12, "hutchinson", seed=seed),
    "diagonal": lambda seed: spectrum.diagonal(MATRIX, 12, seed=seed),
    "density": lambda seed: spectrum.density(MATRIX, 2, 8, seed=seed),
    "logdet": lambda seed: spectrum.logdet(MATRIX, seed=seed),
    "eigenvalues": lambda seed: spectrum.eigenvalues(MATRIX, 2, seed=seed),
    "lanczos": lambda seed: spectrum.lanczos(MATRIX, steps=5, seed=seed),
    "leverage scores": lambda seed: leverage_scores(np.ones((90, 1)), "sketch", seed=seed),
    "k-means": lambda seed: block_kmeans(np.arange(9.0)[:, None], 3, seed=seed),
    "k-medoids": lambda seed: k_medoids(np.abs(np.subtract.outer(np.arange(9.0), np.arange(9.0))), 3, seed=seed),
    "AdaHessian": lambda seed: AdaHessian([torch.nn.Parameter(torch.ones(2))], seed=seed),
    "alignment": alignment,
    "learning rate": lambda seed: learning_rate(lambda x: (x**2).sum(), torch.ones(3).double(), seed=seed),
    "smoothed aggregation": lambda seed: ritz.solve(
        MATRIX, np.ones(30), "cg", preconditioner=SmoothedAggregation(seed=seed)
    ),
    "clustering estimator": lambda seed: ritz.estimators.SpectralClustering(
        2, affinity="precomputed", random_state=seed
    ).fit(GRAPH.adjacency),
    "regression estimator": lambda seed: ritz.estimators.SketchedLinearRegression(random_state=seed).fit(
        FITTED.A, np.arange(40)
    ),
}
MAKERS = [
    *("poisson", "diffusion", "gallery", "stochastic-block-model", "lfr", "neighbour-graph", "regression"),
    *("sparse-regression", "lp-regression", "pressure-projection"),
]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_name_bad_seeds(name):
    for seed in BAD:
        with pytest.raises(InvalidProblem, match=r"(seed|random_state) is"):
            FUNCTIONS[name](seed)
    for seed in GOOD:
        FUNCTIONS[name](seed)


@pytest.mark.parametrize("name", SEEDED)
def test_solvers_name_bad_seeds(name):
    problem = SOLVED[solvers[name].solves.__name__]
    options = {"clusters": 4} if isinstance(problem, ritz.AttributedGraph) and name != "louvain" else {}
    for seed in (*BAD, *GOOD):
        try:
            solution = ritz.solve(problem, name, seed=seed, throw=False, **options)
        except (ritz.MissingExtra, ritz.UnknownOption):
            pytest.skip(f"{name} is not installed")
        except InvalidProblem as error:
            assert "seed is" in str(error)  # noqa: PT017 (other seeds must raise nothing)
            assert any(seed is bad for bad in BAD)
        else:
            assert any(seed is good for good in GOOD)
            assert solution.x is not None
    with pytest.raises(InvalidProblem, match="seed is -1"):
        solvers[name](seed=-1, **options).prepare(problem)


@pytest.mark.parametrize("name", sorted(set(MAKERS) & set(problems.names())))
def test_problems_name_bad_seeds(name):
    for seed in BAD:
        with pytest.raises(InvalidProblem, match="seed is"):
            problems[name](seed=seed)
    problems[name](seed=2**40)


def test_seeds_beyond_32_bits_differ_from_each_other():
    draws = [spectrum.lanczos(MATRIX, steps=3, seed=seed).projected for seed in (1, 2**32 + 1, 2**40)]
    assert not np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
