"""A network inside scikit-learn: a pipeline, searched over by cross-validation.

Run it: python examples/scikit_learn_pipeline.py
"""

from __future__ import annotations

from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import ranvier as rv


def main(epochs: int = 30) -> float:
    """Search over the number of components and print the best; returns its test accuracy."""
    X, y = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)

    pipeline = make_pipeline(
        StandardScaler(), PCA(), rv.NetworkClassifier(epochs=epochs, random_state=0)
    )
    search = GridSearchCV(pipeline, {"pca__n_components": [2, 8]}, cv=3)
    search.fit(X_train, y_train)

    accuracy = float(search.score(X_test, y_test))
    print(f"best {search.best_params_}, accuracy on the test rows {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    main()
