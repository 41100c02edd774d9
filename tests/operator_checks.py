"""What every operator must do, whatever its kind."""

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla
import torch
from hypothesis import strategies as st

from ritz.operators import (
    Operator,
    Tag,
    aslinearoperator,
)

SEEDS = st.integers(0, 2**32 - 1)


def check_product(operator: Operator, matrix: np.ndarray, rng, cancelled: float = 0.0):
    """Assert that `operator` multiplies as `matrix` does; `cancelled` is the size of parts whose difference it is."""
    m, n = matrix.shape
    assert operator.shape == (m, n)
    scale = np.abs(matrix).sum() + cancelled + 1e-300
    x, y, block = rng.standard_normal(n), rng.standard_normal(m), rng.standard_normal((n, 3))
    kept = x.copy(), block.copy()

    def close(product, expected, relative=1e-13):
        assert product.shape == expected.shape
        np.testing.assert_allclose(np.asarray(product), expected, rtol=0, atol=relative * scale * 10)

    close(operator @ x, matrix @ x)
    close(operator @ block, matrix @ block)
    close(operator @ np.asfortranarray(block), matrix @ block)
    close(operator @ np.repeat(block, 2, axis=0)[::2], matrix @ block)
    close(operator @ block[:, :1], matrix @ block[:, :1])
    close(operator @ block[:, :0], np.zeros((m, 0)))
    close(operator @ np.arange(n), matrix @ np.arange(n))
    close(operator.T @ y, matrix.T @ y)
    close(y @ operator, y @ matrix)
    close(np.stack([y, 2 * y]) @ operator, np.stack([y, 2 * y]) @ matrix)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(block, kept[1])

    # Linearity and the adjoint identity.
    close(operator @ (2.0 * x - block[:, 0]), 2.0 * (operator @ x) - operator @ block[:, 0])
    assert abs(y @ (operator @ x) - (operator.T @ y) @ x) <= 1e-12 * scale * np.linalg.norm(x) * np.linalg.norm(y)

    # torch: float64, float32, blocks, integers, gradients.
    product = operator @ torch.from_numpy(x)
    assert isinstance(product, torch.Tensor)
    assert product.dtype == torch.float64
    close(product, matrix @ x)
    close(operator @ torch.from_numpy(block), matrix @ block)
    close(operator @ torch.from_numpy(block[:, :0]), np.zeros((m, 0)))
    close(operator.T @ torch.from_numpy(y), matrix.T @ y)
    close(torch.from_numpy(y) @ operator, y @ matrix)
    single = operator @ torch.from_numpy(x).float()
    assert single.dtype == torch.float32
    close(single, matrix @ x, 1e-6)
    assert (operator @ torch.arange(n)).dtype == torch.float64
    tracked = torch.from_numpy(x).requires_grad_()
    (operator @ tracked).dot(torch.from_numpy(y)).backward()
    close(tracked.grad, matrix.T @ y)


def check_entries(operator: Operator, matrix: np.ndarray):
    tolerance = {"rtol": 0, "atol": 1e-12 * (np.abs(matrix).sum() + 1e-300)}
    np.testing.assert_allclose(operator.to_dense(), matrix, **tolerance)
    assert isinstance(operator.to_sparse(), sp.csr_array)
    np.testing.assert_allclose(operator.to_sparse().toarray(), matrix, **tolerance)
    np.testing.assert_allclose(operator.diagonal(), np.diagonal(matrix), **tolerance)
    converted = operator.astype(np.float32)
    assert converted.dtype == np.float32
    assert converted.tags == operator.tags
    product = converted @ np.ones(matrix.shape[1], dtype=np.float32)
    assert product.dtype == np.float32
    np.testing.assert_allclose(product, matrix.sum(axis=1), rtol=0, atol=1e-5 * (np.abs(matrix).sum() + 1e-300))
    assert (converted @ np.ones(matrix.shape[1])).dtype == np.float64


def check_promises(operator: Operator, matrix: np.ndarray):
    size = np.abs(matrix).max(initial=0.0) + 1e-300
    if Tag.SYMMETRIC in operator.tags:
        assert np.abs(matrix - matrix.T).max() <= 1e-12 * size
        assert operator.T is operator
        eigenvalues = np.linalg.eigvalsh(matrix)
        if Tag.POSITIVE_DEFINITE in operator.tags:
            assert eigenvalues.min() > 0
        if Tag.SEMIDEFINITE in operator.tags:
            assert eigenvalues.min() >= -1e-12 * size * len(matrix)
    else:
        assert not operator.tags
    if operator.nullspace is not None:
        basis = operator.nullspace.basis().toarray()
        assert np.abs(operator @ basis).max(initial=0.0) <= 1e-12 * size * len(matrix)
        np.testing.assert_allclose(basis.T @ basis, np.eye(operator.nullspace.count), atol=1e-14)


def check_scipy(operator: Operator, matrix: np.ndarray, rng):
    x, block, y = (
        rng.standard_normal(matrix.shape[1]),
        rng.standard_normal((matrix.shape[1], 2)),
        rng.standard_normal(len(matrix)),
    )
    there = operator.to_scipy()
    tolerance = {"rtol": 0, "atol": 1e-12 * (np.abs(matrix).sum() + 1e-300)}
    np.testing.assert_allclose(there @ x, matrix @ x, **tolerance)
    np.testing.assert_allclose(there @ block, matrix @ block, **tolerance)
    np.testing.assert_allclose(there.H @ y, matrix.T @ y, **tolerance)
    np.testing.assert_allclose(spla.aslinearoperator(operator) @ x, matrix @ x, **tolerance)
    back = aslinearoperator(there)
    np.testing.assert_allclose(back @ block, matrix @ block, **tolerance)
    np.testing.assert_allclose(back.T @ y, matrix.T @ y, **tolerance)
