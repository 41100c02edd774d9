"""Every registered figure is drawn: small in the ordinary run, full-size by `make reproduce`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ritz.registry import figures


@pytest.mark.parametrize("quick", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["quick", "full"])
@pytest.mark.parametrize("name", figures.names())
def test_figure_is_drawn(name: str, quick: bool, tmp_path: Path):
    entry = figures[name]
    data = entry.compute(quick=quick)
    picture = entry.plot(data)
    panels = [axes for axes in picture.axes if axes.has_data()]
    assert panels
    picture.savefig(tmp_path / "figure.png", dpi=80)
    pixels = np.asarray(Image.open(tmp_path / "figure.png").convert("L"))
    assert min(pixels.shape) > 200
    assert np.ptp(pixels) > 200  # from ink to paper
    again = entry.plot(data)  # drawing leaves the data as they were
    assert len(again.axes) == len(picture.axes)


def test_a_figure_says_what_it_shows():
    for name in figures.names():
        assert len(figures[name].__doc__) > 20
