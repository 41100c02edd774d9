"""The best parameters met during training."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

__all__ = ["BestParameters"]


class BestParameters:
    """Copy of the parameters of a network with the smallest value so far of a loss or residual.

    Parameters
    ----------
    network : torch module
        Its current parameters are kept until a value is offered.

    Attributes
    ----------
    value : float
        Smallest value so far; infinite at the start.
    step : int
        Step with that value.

    Examples
    --------
    >>> layer = torch.nn.Linear(1, 1)
    >>> best = BestParameters(layer)
    >>> best.offer(1, 0.5), best.offer(2, 0.7), best.step
    (True, False, 1)
    """

    def __init__(self, network: torch.nn.Module):
        self._network = network
        self.value, self.step, self.state = math.inf, 0, _copied(network.state_dict())

    def offer(self, step: int, value: float) -> bool:
        """Keep the current parameters if `value` is the smallest so far, and return whether it is."""
        if not value < self.value:
            return False
        self.value, self.step, self.state = value, step, _copied(self._network.state_dict())
        return True

    def restore(self) -> None:
        """Load the best parameters into the network."""
        self._network.load_state_dict(self.state)


def _copied(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: values.detach().clone() for name, values in state.items()}
