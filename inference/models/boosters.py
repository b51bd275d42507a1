"""Boosted models that are no estimators: files in a library's own format, and bare boosters.

XGBoost's and CatBoost's own files are read into the estimators that these libraries have for
scikit-learn. A `lightgbm.Booster` takes arrays and is served as it is. An `xgboost.Booster` takes
none and is refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inference.errors import ModelUnavailable


def is_native(file: Path) -> bool:
    """Whether a model file is in a library's own format. Others are pickles."""
    return file.suffix.lower() in {*_LOADERS}


def load(file: Path) -> Any:
    """The estimator in a library's own file. Raises ModelUnavailable, or anything."""
    try:
        return _LOADERS[file.suffix.lower()](file)
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            f"{file.name} needs {error.name}, which is not installed: add it to requirements.txt"
        ) from error


def require_estimator(loaded: object) -> None:
    """Raises ModelUnavailable for a booster that can't be called with arrays."""
    kind = _kind(loaded)
    if kind == "xgboost.Booster":
        raise ModelUnavailable(
            "the model is an xgboost.Booster, which takes no arrays: save an XGBClassifier or"
            " XGBRegressor, or save_model() in a .ubj file"
        )
    if kind == "lightgbm.Booster" and getattr(loaded, "pandas_categorical", None):
        raise ModelUnavailable(
            "the model is a lightgbm.Booster with categories of pandas, which arrays can't hold:"
            " save an LGBMClassifier or LGBMRegressor"
        )


def width(estimator: Any) -> int | None:
    """How many features a model takes, if it says so."""
    count = getattr(estimator, "n_features_in_", None)
    if count is None and callable(own := getattr(estimator, "num_feature", None)):
        count = own()  # a lightgbm.Booster
    return int(count) if count else None  # CatBoost says 0 where it does not know


def names(estimator: Any) -> list[str] | None:
    """The names of the columns of a bare `lightgbm.Booster`; None of others, and without names."""
    if _kind(estimator) != "lightgbm.Booster":
        return None
    found: list[str] = estimator.feature_name()
    return None if found == [f"Column_{at}" for at in range(len(found))] else found


def _kind(loaded: object) -> str:
    """A class by its library: `xgboost.Booster`."""
    return f"{type(loaded).__module__.partition('.')[0]}.{type(loaded).__name__}"


def _xgboost(file: Path) -> Any:
    import xgboost  # noqa: PLC0415 - only for such a file

    booster = xgboost.Booster(model_file=str(file))
    kind = json.loads(booster.attr("scikit_learn") or "{}").get("_estimator_type")
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    classifies = kind == "classifier" or (
        kind is None and objective.startswith(("binary:", "multi:"))
    )
    estimator = xgboost.XGBClassifier() if classifies else xgboost.XGBRegressor()
    estimator.load_model(str(file))
    return estimator


def _catboost(file: Path) -> Any:
    import catboost  # noqa: PLC0415 - only for such a file

    loaded = catboost.CatBoost().load_model(str(file))
    kind = catboost.CatBoostClassifier if len(loaded.classes_) else catboost.CatBoostRegressor
    return kind().load_model(str(file))


def _lightgbm(file: Path) -> Any:
    import lightgbm  # noqa: PLC0415 - only for such a file

    return lightgbm.Booster(model_file=str(file))


#: By the endings that the libraries and MLflow give to their own files.
_LOADERS = {
    **dict.fromkeys((".ubj", ".xgb", ".json"), _xgboost),
    **dict.fromkeys((".cbm", ".cb"), _catboost),
    **dict.fromkeys((".lgb", ".txt"), _lightgbm),
}
