"""Find clusters from edges and from what is known of the vertices.

Neither the edges nor the metadata of this graph show its three blocks clearly. Together they do; the weight between
the two is chosen by edges that were held out.
"""

from pathlib import Path

import typer
from matplotlib.figure import Figure

import ritz


def main(output: Path = Path("output/examples/structure_and_attributes.png")) -> None:
    """Solve and draw."""
    graph = ritz.problems.stochastic_block_model((150, 150, 150), degree=10.0, ambiguity=0.35, metadata=0.65)
    weights = (("structure alone", 0.0), ("attributes alone", 1.0), ("both", "auto"))
    results = {}
    for name, weight in weights:
        solution = ritz.solve(graph, "spectral-clustering", clusters=3, attribute_weight=weight)
        results[name] = solution.scores["nmi"]
        print(f"{name:17} agreement with the blocks (NMI): {results[name]:.2f}")

    figure = Figure(figsize=(5.6, 2.6), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(list(results), list(results.values()), color=["C0", "C1", "C2"])
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set(xlim=(0.0, 1.0), xlabel="normalised mutual information with the true blocks")
    axes.invert_yaxis()

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
