from .clustering import SpectralClustering as SpectralClustering
from .regressors import LpRegressor as LpRegressor
from .regressors import SketchedLinearRegression as SketchedLinearRegression
