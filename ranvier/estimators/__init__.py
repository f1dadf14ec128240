"""Networks in scikit-learn's manner: `fit`, `predict`, `score`, pipelines and grid search."""

from ranvier.estimators.classifier import NetworkClassifier
from ranvier.estimators.regressor import NetworkRegressor

__all__ = ["NetworkClassifier", "NetworkRegressor"]
