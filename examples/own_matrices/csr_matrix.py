"""Solve a system with a SciPy matrix of one's own.

Any SciPy sparse array will do. Without tags Ritz tests symmetry itself; a tag is a promise that saves the test.
"""

import numpy as np
import scipy.sparse
import typer

import ritz
from ritz.operators import Sparse, Tag


def main() -> None:
    """Solve twice, without and with tags."""
    n = 50_000
    matrix = scipy.sparse.diags_array([-1.0, 2.001, -1.0], offsets=[-1, 0, 1], shape=(n, n)).tocsr()
    rhs = np.ones(n)

    solution = ritz.solve(matrix, rhs)
    print(solution, "chosen:", solution.stats["chosen"])

    tagged = Sparse(matrix, tags={Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
    solution = ritz.solve(tagged, rhs, "cg", preconditioner="incomplete-cholesky")
    print(solution)
    print(f"residual by hand: {np.linalg.norm(rhs - matrix @ solution.x) / np.linalg.norm(rhs):.1e}")


if __name__ == "__main__":
    typer.run(main)
