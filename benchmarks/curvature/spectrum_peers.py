"""Traces and spectral densities of networks' Hessians from other libraries, if they are installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.harness import timed_in_turn
from ritz.figures.training.trained_networks import trained_network
from ritz.operators import Hessian
from ritz.solvers.spectrum import density, trace

__all__ = ["measure_peers"]

PRODUCTS = 48  # for traces
PROBES, STEPS = 4, 50  # for densities


def measure_peers(quick: bool) -> list[dict[str, Any]]:
    """Return times of curvlinops' XTrace and of PyHessian's traces and densities, beside those of Ritz."""
    found: list[dict[str, Any]] = []
    for name in ("mlp",) if quick else ("mlp", "cnn"):
        loss, model, data = trained_network(name, steps=20 if quick else 1000)
        H = Hessian(loss, model, data)
        calls: dict[tuple[str, str], Callable[[], Any]] = {
            ("trace", "ritz"): lambda H=H: trace(H, PRODUCTS, method="xtrace"),
            ("density", "ritz"): lambda H=H: density(H, PROBES, STEPS, moment_probes=0),
        }
        if find_spec("curvlinops"):
            calls["trace", "curvlinops"] = _curvlinops_trace(model, data)
        if find_spec("pyhessian"):
            calls["trace", "pyhessian"], calls["density", "pyhessian"] = _pyhessian(model, data)
        seconds = timed_in_turn(calls, 1 if quick else 15)
        for (what, library), taken in seconds.items():
            row = {"kind": "peer", "model": name, "what": what, "library": library, "seconds": taken}
            found.append({**row, "by ours": taken / seconds[what, "ritz"]})
    return found


def _curvlinops_trace(model: Any, data: Any) -> Callable[[], Any]:
    import torch
    from curvlinops import HessianLinearOperator, xtrace  # pyright: ignore[reportMissingImports]

    operator = HessianLinearOperator(
        model, torch.nn.MSELoss(), list(model.parameters()), data, check_deterministic=False
    )
    return lambda: xtrace(operator, PRODUCTS)


def _pyhessian(model: Any, data: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return PyHessian's trace and density, the latter with a stand-in for `torch.eig`, which torch no longer has."""
    import torch
    from pyhessian import hessian  # pyright: ignore[reportMissingImports]

    def eig(matrix: Any, eigenvectors: bool) -> tuple[Any, Any]:
        values, vectors = np.linalg.eigh(matrix.numpy())
        return torch.from_numpy(np.stack([values, 0.0 * values], axis=1)), torch.from_numpy(vectors)

    def spectral_density() -> Any:
        with patch.object(torch, "eig", eig, create=True):
            return found.density(iter=STEPS, n_v=PROBES)

    found = hessian(model, torch.nn.MSELoss(), data=data[0], cuda=False)
    return lambda: found.trace(maxIter=PRODUCTS, tol=0.0), spectral_density
