"""Snapshots: norms, parts, and what is left out or refused."""

from __future__ import annotations

import numpy as np
import pytest

import ritz
from ritz.errors import ZeroSnapshotWarning
from ritz.operators import Diagonal


def test_products_and_norms():
    states = np.array([[1.0 + 1.0j, 0.0], [0.0, 3.0j]])
    snapshots = ritz.Snapshots(np.zeros((2, 1)), states, Diagonal(np.array([2.0, 4.0])))
    np.testing.assert_allclose(snapshots.norms, [2.0, 6.0])
    np.testing.assert_allclose(snapshots.normalised().norms, 1.0)
    np.testing.assert_array_equal(states[1], [0.0, 3.0j])


def test_split_keeps_groups_together():
    groups = np.repeat(np.arange(10), 3)
    snapshots = ritz.Snapshots(np.zeros((30, 1)), np.eye(30), groups=groups, times=np.tile([1.0, 2.0, 3.0], 10))
    train, test = snapshots.split(0.7, seed=1)
    assert (len(train), len(test)) == (21, 9)
    assert not set(train.groups) & set(test.groups)
    with pytest.raises(ritz.InvalidProblem, match="empty"):
        snapshots.split(1.0)


# Bad input.


def test_zero_snapshots_are_left_out():
    with pytest.warns(ZeroSnapshotWarning, match="number 1"):
        snapshots = ritz.Snapshots(np.arange(3.0)[:, None], np.array([[1.0, 0.0], [0.0, 0.0], [2.0, 1.0]]))
    np.testing.assert_array_equal(snapshots.parameters[:, 0], [0.0, 2.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"states": np.zeros((2, 3))}, "all snapshots are zero"),
        ({"states": np.array([[1.0, 2.0], [np.nan, 1.0]])}, r"number 1 \(k = 7\)"),
        ({"states": np.ones(2)}, "states has shape"),
        ({"states": np.ones((3, 2))}, "parameters has shape"),
        ({"states": np.eye(2), "product": -np.eye(2)}, "positive definite"),
        ({"states": np.eye(2), "product": np.array([[1.0, 0.5], [0.0, 1.0]])}, "positive definite"),
        ({"states": np.eye(2), "product": np.eye(3)}, "product has shape"),
        ({"states": np.eye(2), "groups": [1]}, "groups has shape"),
        ({"states": np.eye(2), "times": [1.0]}, "times has shape"),
    ],
)
def test_bad_snapshots(arguments, message):
    with pytest.raises(ritz.InvalidProblem, match=message):
        ritz.Snapshots(np.array([[3.0], [7.0]]), names=("k",), **arguments)
