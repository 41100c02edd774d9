"""Solve a system of which only a product is known.

The operator is a function: a periodic blur by fast Fourier transforms, plus a little of the identity. Deblurring a
signal needs no entry of the matrix.
"""

from pathlib import Path

import numpy as np
import typer
from matplotlib.figure import Figure

import ritz
from ritz.operators import MatrixFree, Tag


def main(output: Path = Path("output/examples/matrix_free_operator.png")) -> None:
    """Solve and draw."""
    n = 400
    x = np.linspace(0.0, 1.0, n, endpoint=False)
    signal = np.where((x > 0.2) & (x < 0.4), 1.0, 0.0) + np.maximum(0.0, 1.0 - 8.0 * abs(x - 0.7))
    transfer = np.exp(-0.5 * (np.fft.rfftfreq(n, 1.0 / n) / 12.0) ** 2)

    def blur(u: np.ndarray) -> np.ndarray:
        return np.fft.irfft(transfer * np.fft.rfft(u), n)

    damping = 1e-4  # of Tikhonov's regularisation, which solves (B B + damping) u = B data
    A = MatrixFree(lambda u: blur(blur(u)) + damping * u, (n, n), tags={Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
    data = blur(signal) + 2e-3 * np.random.default_rng(0).standard_normal(n)
    solution = ritz.solve(A, blur(data), "cg")
    print(solution)
    print(f"error before {np.linalg.norm(data - signal):.2f} and after {np.linalg.norm(solution.x - signal):.2f}")

    figure = Figure(figsize=(7, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot(x, signal, color="0.7", linewidth=3, label="signal")
    axes.plot(x, data, label="blurred and noisy")
    axes.plot(x, solution.x, label="deblurred")
    axes.set(xlabel="x", title="Deblurring with products alone")
    axes.legend(frameon=False)

    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)


if __name__ == "__main__":
    typer.run(main)
