"""A trained network as what proposes directions."""

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
from ritz.recipes.weights import Weights, load_weights

__all__ = ["FAMILY", "NetworkDirection", "NetworkProposals", "make_network", "shipped"]

FAMILY = "dcdm"
FEWEST = 16  # cells along an axis: on smaller grids there is one scale, and walls are all the network sees


def shipped(name: str) -> Path:
    """Return the path of weights that come with Ritz, such as ``"dcdm-2d"``."""
    return Path(str(files("ritz.solvers.conjugate_directions") / "weights" / f"{name}.safetensors"))


@dataclass(frozen=True)
class NetworkDirection:
    """Directions from weights trained on the Laplacian of a box.

    For stencils with one coefficient everywhere on square or cubic cells, 16 or more along an axis, with obstacles or
    without. The network is asked on every scale of the grid (`ritz.solvers.conjugate_directions.scales.direction`),
    so that its proposals are as good on large grids as on the small ones it was trained on. It works in single
    precision.

    Parameters
    ----------
    weights : str, path or Weights, optional
        A file, the name of weights that come with Ritz (``"dcdm-2d"``, ``"dcdm-2d-64"`` with the published method on
        one scale, ``"fluidnet-2d"``, ``"spectral-2d"``, ``"dcdm-3d"``), or, if left out, those of deep conjugate
        directions for the grid's dimension.

    Raises
    ------
    InvalidWeights
        From `objection` or `build`, if the file is damaged or not for this.

    Examples
    --------
    >>> import ritz
    >>> NetworkDirection().objection(ritz.problems.diffusion((16, 16)).operator)
    'the coefficient varies, and the network knows a constant one'
    """

    weights: str | os.PathLike[str] | Weights | None = None

    def objection(self, operator: Operator) -> str:
        """Return why the network is not for `operator`, or an empty string."""
        if not isinstance(operator, Stencil):
            return f"the network needs a grid stencil, and this is a {type(operator).__name__}"
        dimension = len(operator.grid_shape)
        if dimension == 1:
            return "there are no weights for grids of dimension 1"
        if self.weights is not None and self._load(dimension).dimension != dimension:
            return f"the weights are for grids of dimension {self._load(dimension).dimension}, not {dimension}"
        if min(operator.grid_shape) < FEWEST:
            return f"the grid {operator.grid_shape} has an axis of less than {FEWEST} cells"
        if operator.shift != 0:
            return f"the operator has the shift {operator.shift:g}, and the network knows none"
        if any("periodic" in sides for sides in operator.boundary):
            return "the grid is periodic, and the network knows walls alone"
        if max(operator.spacing) > 1.001 * min(operator.spacing):
            return f"cells of {operator.spacing} are not square, as those of the network are"
        links = [along[along > 0] for along in operator.couplings if along.size and along.max() > 0]
        if not links:
            return "no cell is coupled to another"
        if max(float(along.max()) for along in links) > 1.001 * min(float(along.min()) for along in links):
            return "the coefficient varies, and the network knows a constant one"
        return ""

    def build(self, operator: Operator) -> NetworkProposals:
        """Return the network's proposals for `operator`.

        Raises
        ------
        InvalidProblem
            Where `objection` has one.
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
    """What a network proposes for residuals on one grid; no linear map.

    Parameters
    ----------
    operator : Stencil
    weights : Weights

    Attributes
    ----------
    stats : mapping
        Name, parameters and scales of the network.
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
                f"{field.device} has no memory for the network on {self._grid_shape}: {error}"
            ) from None
        return asarray_like(proposals.reshape(-1, self.shape[0]).T.reshape(x.shape), x)

    def _propose(self, field: Any) -> Any:
        from .scales import direction

        if next(self._network.parameters()).device != field.device:
            self._network = self._network.to(field.device)
            self._scales = [scale.to(field) for scale in self._scales]
        root = (
            float(self.shape[0]) ** 0.5
        )  # residuals of norm one come in, and of root mean square one go to the network
        return direction(self._network, self._scales, root * field, self._normalized)


def make_network(dimension: int, spec: Mapping[str, Any], generator: Any) -> Any:
    """Return the network that `spec` tells of, with first weights drawn from a torch generator."""
    from .direction_network import DirectionNetwork
    from .spectral_network import SpectralNetwork

    if spec.get("network") == "spectral":
        return SpectralNetwork(dimension, spec["modes"], spec["channels"], generator)
    return DirectionNetwork(dimension, spec["size"], spec["channels"], generator)


def build_network(weights: Weights) -> Any:
    """Return the network of `weights`."""
    import torch

    network = make_network(weights.dimension, weights.spec, torch.Generator())
    network.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in weights.arrays.items()})
    together: Any = {"memory_format": torch.channels_last if weights.dimension == 2 else torch.channels_last_3d}
    return network.eval().to(**together)
