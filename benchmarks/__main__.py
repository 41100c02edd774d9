"""Run benchmark suites: ``python -m benchmarks [SUITE ...] [--quick] [--output FOLDER]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

from benchmarks.harness import save

from .curvature import curvature, spectrum
from .gaussian_process import gaussian_process, gp_map
from .graphs import clustering, clustering_scale
from .linear_systems import (
    automatic,
    bootstrap_amg,
    conjugate_directions,
    conjugate_gradients,
    grid_solvers,
    growth,
    learned_multigrid,
    mic,
    products,
    sequences,
    transforms,
)
from .reduced_basis import local_bases, local_bases_transient, reduced_basis, reduced_basis_scale, snapshots
from .regression import least_squares, lp_regression

MODULES = (
    *(conjugate_gradients, automatic, growth, grid_solvers, transforms, products, mic, sequences, bootstrap_amg),
    *(least_squares, lp_regression, clustering, clustering_scale),
    *(gaussian_process, gp_map, spectrum, curvature, conjugate_directions, learned_multigrid),
    *(snapshots, local_bases, local_bases_transient, reduced_basis, reduced_basis_scale),
)
SUITES = {module.SUITE.name: module.SUITE for module in MODULES}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a summary, and write JSON lines and a plot for each suite."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--output", type=Path, default=Path("output/benchmarks"), help="folder to write to")
    options = parser.parse_args(arguments)
    unknown = set(options.suites) - set(SUITES)
    if unknown:
        parser.error(f"unknown suite {sorted(unknown)[0]!r}; known: {', '.join(SUITES)}")
    options.output.mkdir(parents=True, exist_ok=True)
    console = Console()
    for name in options.suites or SUITES:
        suite = SUITES[name]
        rows = suite.run(options.quick)
        save(rows, options.output / f"{name}.jsonl")
        suite.plot(rows).savefig(options.output / f"{name}.png", dpi=150)
        console.print(suite.question)
        console.print(suite.summary(rows))
        console.print(f"written: {options.output / name}.jsonl, {options.output / name}.png\n")


if __name__ == "__main__":
    main()
