"""The solvers of other packages under the contract of Ritz, for comparison on equal terms."""
