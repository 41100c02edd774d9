"""Watch a solve and stop it early.

A callback sees every iteration: its number, the iterate and the residual. Returning a true value ends the solve with
the status INTERRUPTED and the best iterate; an error of one's own passes through unchanged.
"""

import typer

import ritz


def main() -> None:
    """Stop at a residual of 1e-3, then at ten iterations."""
    problem = ritz.problems.poisson((128, 128), obstacles=6)

    def watch(iteration, x, residual):
        if iteration % 20 == 0:
            print(f"iteration {iteration:3}: residual {residual:.1e}, largest value {abs(x).max():.4f}")
        return residual < 1e-3

    solution = ritz.solve(problem, "cg", callback=watch, throw=False)
    print(solution.status.name, "-", solution.status.value)

    try:
        ritz.solve(problem, "cg", maxiter=10)
    except ritz.ConvergenceError as error:
        print("not converged, but the best iterate is kept:", error.solution)


if __name__ == "__main__":
    typer.run(main)
