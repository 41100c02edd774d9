"""Use Ritz's regressors within scikit-learn.

They are estimators like any other: they fit into pipelines, and cross-validation scores them. Least absolute
deviations predict better here because the noise has heavy tails.
"""

import numpy as np
import typer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ritz.estimators import LpRegressor, SketchedLinearRegression


def main() -> None:
    """Cross-validate two regressors."""
    generator = np.random.default_rng(0)
    X = generator.standard_normal((2000, 10))
    y = X.sum(axis=1) + 0.3 * generator.standard_t(1.5, 2000)

    for model in (SketchedLinearRegression(), LpRegressor(p=1)):
        pipeline = make_pipeline(StandardScaler(), model)
        scores = cross_val_score(pipeline, X, y, scoring="neg_median_absolute_error")
        pipeline.fit(X, y)
        error = abs(pipeline[-1].coef_ / pipeline[0].scale_ - 1.0).max()
        print(
            f"{type(model).__name__:26} median error {-scores.mean():.3f}, largest error of a coefficient {error:.3f}"
        )


if __name__ == "__main__":
    typer.run(main)
