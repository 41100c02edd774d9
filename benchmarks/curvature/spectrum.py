"""Curvature and spectra: cost and accuracy of Hessian products, traces, densities and eigenvalues."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.harness import Suite, timed_in_turn
from ritz.comparing.environment import environment, pinned_threads
from ritz.figures.spectrum.spectral_density import poisson_eigenvalues, wasserstein
from ritz.figures.spectrum.trace_error import METHODS, trace_errors
from ritz.figures.training.trained_networks import trained_network
from ritz.operators import Dense, Hessian, Stencil, Tag
from ritz.solvers.spectrum import density, eigenvalues

from .spectrum_peers import PRODUCTS, measure_peers

BLOCK = 8
NETWORKS = {"mlp": ("mlp", 200), "cnn": ("cnn", 1000), "cnn half trained": ("cnn", 200)}  # steps of training


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure everything on one thread."""
    import torch  # noqa: F401  (imported for its threads to be pinned too)

    with pinned_threads(1):
        rows = _products(quick) + _networks(quick) + measure_peers(quick)
        rows += _stencil_densities(quick) + _eigenvalues(quick)
        known = environment(threads=1, seed=0)
        return [{"suite": "spectrum", **row, "environment": known} for row in rows]


def _models(quick: bool) -> dict[str, tuple[Any, Any, Any]]:
    """Return models in float32 with loss and data, large enough for arithmetic to outweigh overhead."""
    import torch
    import torch.nn.functional as F  # noqa: N812
    from torch import nn

    torch.manual_seed(0)
    wide, channels, images = (32, 4, 2) if quick else (256, 16, 4)
    mlp = nn.Sequential(nn.Linear(64, wide), nn.Tanh(), nn.Linear(wide, wide), nn.Tanh(), nn.Linear(wide, 10))
    layers: list[nn.Module] = [nn.Conv2d(1, channels, 3, padding=1), nn.Tanh()]
    for _ in range(4):
        layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.Tanh()]
    cnn = nn.Sequential(*layers, nn.Conv2d(channels, 1, 3, padding=1))
    x, y, picture = torch.randn(256, 64), torch.randint(10, (256,)), torch.randn(images, 1, 32, 32)
    return {
        "mlp": (mlp, lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]), (x, y)),
        "cnn": (cnn, lambda model, batch: (model(batch[0]) - batch[1]).square().mean(), (picture, 0.5 * picture)),
    }


def _products(quick: bool) -> list[dict[str, Any]]:
    """Return times of products relative to those of gradients, measured in interleaved rounds."""
    import torch

    found: list[dict[str, Any]] = []
    for name, (model, loss, batch) in _models(quick).items():
        H = Hessian(loss, model, [batch], chunk=BLOCK)
        block = torch.randn(H.shape[0], BLOCK)
        parameters = list(model.parameters())

        def gradient(model: Any = model, loss: Any = loss, batch: Any = batch, parameters: Any = parameters) -> Any:
            return torch.autograd.grad(loss(model, batch), parameters)

        calls: dict[str, Callable[[], Any]] = {
            "gradient": gradient,
            "single": lambda H=H, block=block: H @ block[:, 0],
            "block": lambda H=H, block=block: H @ block,
        }
        middle = timed_in_turn(calls, 3 if quick else 30)
        found.append(
            {
                "kind": "product",
                "model": name,
                "parameters": H.shape[0],
                "gradient": middle["gradient"],
                "single": middle["single"] / middle["gradient"],
                "block": middle["block"] / BLOCK / middle["gradient"],
            }
        )
    return found


def _networks(quick: bool) -> list[dict[str, Any]]:
    """Return errors of products, traces and densities for trained networks."""
    found: list[dict[str, Any]] = []
    for name in ("mlp",) if quick else NETWORKS:
        kind, steps = NETWORKS[name]
        loss, model, data = trained_network(kind, steps=20 if quick else steps)
        H = Hessian(loss, model, data)
        exact = _dense_hessian(loss, model, data[0])
        vectors = np.random.default_rng(0).standard_normal((H.shape[0], 5))
        expected = exact @ vectors
        single = Hessian(loss, model.float(), [tuple(each.float() for each in batch) for batch in data])
        for dtype, operator in (("float64", H), ("float32", single)):
            products = np.stack([operator @ v.astype(dtype) for v in vectors.T], axis=1)
            errors = np.linalg.norm(products - expected, axis=0) / np.linalg.norm(expected, axis=0)
            found.append({"kind": "accuracy", "model": name, "dtype": dtype, "error": float(errors.max())})
        matrix = Dense(0.5 * (exact + exact.T), tags={Tag.SYMMETRIC})
        for method in METHODS:
            budgets = (48, 100)
            true, claimed = trace_errors(matrix, float(np.trace(exact)), method, budgets, 10 if quick else 100)
            for budget, error, said in zip(budgets, true, claimed, strict=True):
                row = {"kind": "trace", "model": name, "method": method, "budget": budget}
                found.append({**row, "error": float(error), "claimed": float(said)})
        found.append(_density(matrix, np.linalg.eigvalsh(matrix.matrix), name, quick))
    return found


def _density(A: Any, exact: np.ndarray, name: str, quick: bool) -> dict[str, Any]:
    """Return the error of densities from 200 products, of four probes and of those for the first moments."""
    estimates = [density(A, 4, 42, moment_probes=32, seed=seed) for seed in range(3 if quick else 20)]
    distances = [wasserstein(each, exact) for each in estimates]
    row = {"kind": "density", "model": name, "products": max(each.products for each in estimates)}
    return {**row, "distance": median(distances), "worst": max(distances)}


def _stencil_densities(quick: bool) -> list[dict[str, Any]]:
    shapes = [(20, 20)] if quick else [(64, 64), (16, 16, 16)]
    return [
        _density(
            Stencil(shape, boundary="dirichlet", centering="vertex"),
            poisson_eigenvalues(shape),
            f"{'x'.join(map(str, shape))} Poisson stencil",
            quick,
        )
        for shape in shapes
    ]


def _dense_hessian(loss: Any, model: Any, batch: Any) -> np.ndarray:
    """Return the Hessian from torch's own loop over its rows."""
    import torch

    named = dict(model.named_parameters())
    sizes = [each.numel() for each in named.values()]

    def of(vector: Any) -> Any:
        parts = zip(named.items(), vector.split(sizes), strict=True)
        state = {name: part.view_as(each) for (name, each), part in parts}
        return loss(lambda x: torch.func.functional_call(model, state, (x,)), batch)

    point = torch.cat([each.detach().flatten() for each in named.values()])
    return np.asarray(torch.autograd.functional.hessian(of, point))


def _eigenvalues(quick: bool) -> list[dict[str, Any]]:
    """Return errors and numbers of products for extreme eigenvalues of Poisson stencils."""
    found: list[dict[str, Any]] = []
    shapes = [(20, 20), (8, 8, 8)] if quick else [(1000,), (128, 128), (32, 32, 32)]
    for shape in shapes:
        A, exact = Stencil(shape, boundary="dirichlet", centering="vertex"), poisson_eigenvalues(shape)
        preconditioner = "modified-incomplete-cholesky" if len(shape) > 1 else "incomplete-cholesky"
        for which, chosen in (("largest", None), ("smallest", None), ("smallest", preconditioner)):
            start = time.perf_counter()
            pairs = eigenvalues(A, 6, which, preconditioner=chosen)
            expected = exact[::-1][:6] if which == "largest" else exact[:6]
            found.append(
                {
                    "kind": "eigenvalues",
                    "shape": list(shape),
                    "which": which,
                    "method": "lobpcg" if chosen else "lanczos",
                    "error": float((abs(pairs.values - expected) / expected).max()),
                    "products": pairs.products,
                    "converged": pairs.converged,
                    "seconds": time.perf_counter() - start,
                }
            )
    return found


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return one row per measurement, with its target if there is one."""
    table = Table("measure", "case", "target", "measured")

    def add(what: str, case: str, limit: float | None, value: float, more: bool = False) -> None:
        shown, sign = f"{value:.2g}", ">=" if more else "<="
        met = limit is None or (value >= limit if more else value <= limit)
        table.add_row(what, case, "" if limit is None else f"{sign} {limit:g}", shown if met else f"[red]{shown}[/]")

    for row in rows:
        if row["kind"] == "product":
            case = f"{row['model']}, {row['parameters']:,} parameters"
            add("time of a Hessian product / gradient", case, 1.9, row["single"])
            add("the same in blocks of 8", case, 1.7, row["block"])
        elif row["kind"] == "accuracy":
            limit = 1e-12 if row["dtype"] == "float64" else 1e-5
            add("relative error of products", f"{row['model']}, {row['dtype']}", limit, row["error"])
        elif row["kind"] == "trace":
            targeted = row["method"] == "xtrace" and row["budget"] == 48
            case = f"{row['model']}, {row['method']}, {row['budget']} products"
            add("rms relative error of the trace", case, 0.01 if targeted else None, row["error"])
            add("estimated standard error / true error", case, None, row["claimed"] / row["error"])
            if targeted:
                sampled = next(
                    each["error"]
                    for each in rows
                    if (each["kind"], each.get("method"), each["model"]) == ("trace", "hutchinson", row["model"])
                    and each["budget"] == PRODUCTS
                )
                times = (sampled / row["error"]) ** 2
                what = "products / 48 for Hutchinson's estimate at this error, from its variance"
                add(what, row["model"], 50, times, more=True)
        elif row["kind"] == "peer":
            if row["library"] != "ritz":
                limits = {("trace", "curvlinops"): 1.0, ("density", "pyhessian"): 2.0}
                limit = limits.get((row["what"], row["library"]))
                case = f"{row['model']}, {row['what']}, {row['library']}"
                add("time at equal products / ours", case, limit, row["by ours"], more=True)
        elif row["kind"] == "density":
            case = f"{row['model']}, {row['products']} products"
            add("Wasserstein distance / largest eigenvalue", f"{case}, median", 2e-3, row["distance"])
            add("the same", f"{case}, worst", None, row["worst"])
        else:
            case = f"{'x'.join(map(str, row['shape']))}, {row['which']}, {row['method']}"
            add("relative error of 6 eigenvalues", f"{case}, {row['products']} products", 1e-8, row["error"])
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the errors of the trace estimators as bars."""
    traces = [row for row in rows if row["kind"] == "trace"]
    figure = Figure(figsize=(7.0, 0.3 * len(traces) + 1.2), layout="constrained")
    panel = figure.subplots()
    names = [f"{row['model']}, {row['method']}, {row['budget']} products" for row in traces]
    colours = [f"C{METHODS.index(row['method'])}" for row in traces]
    panel.barh(names, [row["error"] for row in traces], color=colours, height=0.7)
    panel.set(xscale="log", xlabel="rms relative error of the trace")
    panel.invert_yaxis()
    return figure


SUITE = Suite("spectrum", "Do curvature and spectra meet their targets of cost and accuracy?", run, summary, plot)
