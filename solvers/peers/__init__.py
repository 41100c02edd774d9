"""Other packages' solvers under the same contract, to compare with."""
