"""Solve a singular system whose nullspace is known: two elastic rings, pulled apart, on which nothing holds."""

import numpy as np
import scipy.sparse as sp
import typer

import ritz


def main() -> None:
    """Assemble springs; the solution is orthogonal to the rigid motions, whichever solver is used."""
    ring, after = np.arange(60), np.roll(np.arange(60), -1)
    circle = np.c_[np.cos(2 * np.pi * ring / 60), np.sin(2 * np.pi * ring / 60)]
    joints = np.concatenate([circle, 0.8 * circle])
    pairs = np.concatenate(
        [np.c_[ring, after], np.c_[ring, ring + 60], np.c_[ring, after + 60], 60 + np.c_[ring, after]]
    )
    along, rows = joints[pairs[:, 1]] - joints[pairs[:, 0]], np.repeat(np.arange(len(pairs)), 4)
    forces = (np.c_[-along, along] / np.linalg.norm(along, axis=1)[:, None]).ravel()
    stretch = sp.csr_array((forces, (rows, (2 * pairs[:, :, None] + [0, 1]).ravel())))
    motions = np.c_[np.tile([1, 0], 120), np.tile([0, 1], 120), np.c_[-joints[:, 1], joints[:, 0]].ravel()]
    print(ritz.solve(stretch.T @ stretch, np.concatenate([circle, -circle]).ravel(), nullspace=motions))


if __name__ == "__main__":
    typer.run(main)
