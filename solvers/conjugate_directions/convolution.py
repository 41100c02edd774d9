"""Convolutions in space that ask oneDNN for single samples, for which torch would take a slow route."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["CONVOLUTION", "SpaceConvolution"]


class SpaceConvolution(torch.nn.Conv3d):
    """A 3-D convolution that is as fast for one sample as for a batch.

    Below about 32 x 32 x 32 cells, torch computes the convolution of a single sample on a CPU without oneDNN, which
    takes 3 to 10 times as long. Here oneDNN is asked for by name where it takes the tensors: single precision on a CPU,
    without gradients. Values differ by rounding.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return the convolution of ``(batch, channels, *grid)``."""
        if (
            torch.is_grad_enabled()
            or input.dtype != torch.float32
            or input.device.type != "cpu"
            or not torch.backends.mkldnn.is_available()
        ):
            return super().forward(input)
        return torch.ops.aten.mkldnn_convolution(
            input, self.weight, self.bias, self.padding, self.stride, self.dilation, self.groups
        )


CONVOLUTION: dict[int, Any] = {2: torch.nn.Conv2d, 3: SpaceConvolution}
