"""Other packages' solvers under the same contract, to compare with: one file a peer."""
