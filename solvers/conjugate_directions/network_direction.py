"""Search directions from trained networks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ritz.backend import Array, asarray_like, is_torch_array, single_torch_thread
from ritz.errors import InvalidProblem, TrainingError
from ritz.operators import Operator, Stencil
from ritz.solvers.training.weights import Weights, load_weights

__all__ = ["FAMILY", "NetworkDirection", "NetworkProposals", "make_network", "shipped"]

FAMILY = "dcdm"
FEWEST = 16  # cells per axis: smaller grids have a single scale, and the network sees little but walls


def shipped(name: str) -> Path:
    """Return the path of weights shipped with Ritz, such as ``"dcdm-2d"``."""
    return Path(str(files("ritz.solvers.conjugate_directions") / "weights" / f"{name}.safetensors"))


@dataclass(frozen=True)
class NetworkDirection:
    """Directions from a network trained on the Laplacian of a box.

    Supported are stencils with a constant coefficient on square or cubic cells, at least 16 per axis, with or without
    obstacles. The network is applied on every scale of the grid
    (`ritz.solvers.conjugate_directions.scales.direction`), which makes its proposals as good on large grids as on the
    small ones it was trained on. It works in single precision.

    Parameters
    ----------
    weights : str, path or Weights, optional
        A file, or the name of weights shipped with Ritz: ``"dcdm-2d"``, ``"dcdm-2d-64"`` (the published method on one
        scale), ``"fluidnet-2d"``, ``"spectral-2d"`` or ``"dcdm-3d"``. The default is ``"dcdm-2d"`` or ``"dcdm-3d"``,
        by the dimension of the grid.

    Raises
    ------
    InvalidWeights
        From `objection` or `build`, if the file is damaged or holds weights of another kind.

    Examples
    --------
    >>> import ritz
    >>> NetworkDirection().objection(ritz.problems.diffusion((16, 16)).operator)
    'the coefficient varies, and the network was trained on a constant one'
    """

    weights: str | os.PathLike[str] | Weights | None = None

    def objection(self, operator: Operator) -> str:
        """Return why the network does not support `operator`, or an empty string if it does."""
        if not isinstance(operator, Stencil):
            return f"the network needs a grid stencil, and this is a {type(operator).__name__}"
        dimension = len(operator.grid_shape)
        if dimension == 1:
            return "there are no weights for grids of dimension 1"
        if self.weights is not None and self._load(dimension).dimension != dimension:
            return f"the weights are for grids of dimension {self._load(dimension).dimension}, not {dimension}"
        if min(operator.grid_shape) < FEWEST:
            return f"the grid {operator.grid_shape} has fewer than {FEWEST} cells along an axis"
        if operator.shift != 0:
            return f"the operator has the shift {operator.shift:g}, and the network was trained without one"
        if any("periodic" in sides for sides in operator.boundary):
            return "the grid is periodic, and the network was trained with walls only"
        if max(operator.spacing) > 1.001 * min(operator.spacing):
            return f"the cells {operator.spacing} are not square, as the network needs"
        links = [along[along > 0] for along in operator.couplings if along.size and along.max() > 0]
        if not links:
            return "no cell is coupled to another"
        if max(float(along.max()) for along in links) > 1.001 * min(float(along.min()) for along in links):
            return "the coefficient varies, and the network was trained on a constant one"
        return ""

    def build(self, operator: Operator) -> NetworkProposals:
        """Return the operator that maps residuals of `operator` to the network's proposals.

        Raises
        ------
        InvalidProblem
            If the network does not support `operator`; see `objection`.
        """
        objection = self.objection(operator)
        if objection or not isinstance(operator, Stencil):
            raise InvalidProblem(f"{objection}; use direction 'jacobi' or the solver 'multigrid'")
        return NetworkProposals(operator, self._load(len(operator.grid_shape)))

    def _load(self, dimension: int) -> Weights:
        weights = f"dcdm-{dimension}d" if self.weights is None else self.weights
        if isinstance(weights, Weights):
            return weights
        named = isinstance(weights, str) and not Path(weights).suffix
        return load_weights(shipped(str(weights)) if named else weights, family=FAMILY)


class NetworkProposals(Operator):
    """The nonlinear map from residuals on one grid to the directions a network proposes.

    Parameters
    ----------
    operator : Stencil
    weights : Weights

    Attributes
    ----------
    stats : mapping
        Number of parameters, training grid and number of scales of the network.
    """

    def __init__(self, operator: Stencil, weights: Weights):
        from .scales import scales_of

        self.shape, self.dtype, self.tags = operator.shape, operator.dtype, frozenset()
        self._grid_shape, self._normalized = operator.grid_shape, bool(weights.spec["normalized"])
        self._network = build_network(weights)
        self._scales = scales_of(operator, int(weights.spec["smallest"]))
        self.stats: Mapping[str, Any] = {
            "direction": "network",
            "parameters": weights.count,
            "trained on": tuple(weights.spec["grid"]),
            "scales": len(self._scales),
        }

    def _apply(self, x: Array) -> Array:
        import torch

        columns = x if is_torch_array(x) else torch.from_numpy(np.ascontiguousarray(x))
        field = columns.detach().reshape(self.shape[0], -1).T.reshape(-1, 1, *self._grid_shape).float()
        try:
            with torch.no_grad(), single_torch_thread():
                proposals = self._propose(field)
        except torch.OutOfMemoryError as error:
            raise TrainingError(
                f"{field.device} has too little memory for the network on {self._grid_shape}: {error}"
            ) from None
        return asarray_like(proposals.reshape(-1, self.shape[0]).T.reshape(x.shape), x)

    def _propose(self, field: Any) -> Any:
        from .scales import direction

        if next(self._network.parameters()).device != field.device:
            self._network = self._network.to(field.device)
            self._scales = [scale.to(field) for scale in self._scales]
        root = self.shape[0] ** 0.5  # from a norm of one to a root mean square of one
        return direction(self._network, self._scales, root * field, self._normalized)


def make_network(dimension: int, spec: Mapping[str, Any], generator: Any) -> Any:
    """Return the network described by `spec`, with initial weights drawn from a torch generator."""
    from .direction_network import DirectionNetwork
    from .spectral_network import SpectralNetwork

    if spec.get("network") == "spectral":
        return SpectralNetwork(dimension, spec["modes"], spec["channels"], generator)
    return DirectionNetwork(dimension, spec["size"], spec["channels"], generator)


def build_network(weights: Weights) -> Any:
    """Return the network with the given weights, in evaluation mode."""
    import torch

    network = make_network(weights.dimension, weights.spec, torch.Generator())
    network.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in weights.arrays.items()})
    together: Any = {"memory_format": torch.channels_last if weights.dimension == 2 else torch.channels_last_3d}
    return network.eval().to(**together)
