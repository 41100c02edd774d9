"""Cluster points that no straight line separates.

The points are joined to their nearest neighbours, and the graph is clustered by its smoothest vectors. The estimator
is scikit-learn's kind; K-means on the points themselves would cut both moons in half.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure
from sklearn.datasets import make_moons

from ritz.estimators import SpectralClustering


def main(output: Path = Path("output/examples/points_to_clusters.png")) -> None:
    """Solve and draw."""
    points, truth = make_moons(400, noise=0.06, random_state=0)
    model = SpectralClustering(2).fit(points)
    agreement = max(np.mean(model.labels_ == truth), np.mean(model.labels_ != truth))
    print(f"{agreement:.1%} of the points are in the right moon")

    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    axes = figure.subplots()
    for label in (0, 1):
        axes.plot(*points[model.labels_ == label].T, ".", label=f"cluster {label}")
    axes.set(title="Two moons", aspect="equal")
    axes.legend(frameon=False)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
