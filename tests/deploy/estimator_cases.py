"""Estimators of every kind that is served, with the rows that they were trained on."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

COUNT = 120
#: Rows that are asked.
ASKED = 12
RANDOM = np.random.default_rng(7)


def training() -> pd.DataFrame:
    """One column of each kind, with and without gaps."""
    some = RANDOM.random(COUNT) < 0.2
    frame = pd.DataFrame(
        {
            "whole": RANDOM.integers(-5, 2**40, COUNT),
            "share": RANDOM.normal(size=COUNT),
            "single": RANDOM.normal(size=COUNT).astype(np.float32),
            "gaps": np.where(some, np.nan, RANDOM.integers(0, 9, COUNT)),
            "nullable": pd.array(RANDOM.integers(0, 9, COUNT), dtype="Int64"),
            "flag": RANDOM.random(COUNT) < 0.5,
            "flagged": np.where(some, np.array(None), RANDOM.random(COUNT) < 0.5),
            "word": RANDOM.choice(["0042", "été", "a, b", 'say "x"', "7"], COUNT),
            "maybe": np.where(some, np.array(None), RANDOM.choice(["red", "blue"], COUNT)),
            "size": pd.Categorical(RANDOM.choice(["s", "m", "l"], COUNT), ["s", "m", "l"]),
            "code": pd.Categorical(RANDOM.choice([10, 20, 30], COUNT)),
            "day": pd.date_range("2024-02-27 06:30", periods=COUNT, freq="7h"),
            "moment": pd.date_range("2024-02-27", periods=COUNT, freq="31min", tz="Europe/Oslo"),
        }
    )
    frame.loc[3, "nullable"] = pd.NA
    frame.loc[5, "size"] = np.nan
    return frame


FRAME = training()
NUMBERS = ["whole", "share", "single"]
BOOSTED = [*NUMBERS, "gaps", "flag", "size", "code"]
TARGET = (FRAME.share + FRAME.flag + FRAME.gaps.fillna(4)).round(2)
CLASSES = np.where(TARGET > 4, "high", "low")
TEXTS = pd.DataFrame({"review": ["good, very good", "bad", 'not "good" at all', "été"] * 5})
ARRAY = RANDOM.normal(size=(COUNT, 4))
GRID = RANDOM.integers(0, 9, (COUNT, 3))


def as_csv_reads(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as pandas reads its CSV. Types are given where the file can't hold them."""
    kept = {"int64", "float64", "bool", "object"}
    types: dict[Any, Any] = {
        name: dtype for name, dtype in frame.dtypes.items() if str(dtype) not in kept
    }
    dates = [name for name, dtype in types.items() if str(dtype).startswith("datetime")]
    with warnings.catch_warnings():  # pandas 3 warns of the option, which older ones need
        warnings.simplefilter("ignore")
        read = pd.read_csv(
            io.StringIO(frame.to_csv(index=False)),
            float_precision="round_trip",
            dtype={name: dtype for name, dtype in types.items() if name not in dates},
            parse_dates=dates,
        )
    return _typed(read, frame)


def _typed(read: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Missing objects and time zones as the frame has them."""
    for name, dtype in frame.dtypes.items():
        if str(dtype) == "object":
            read[name] = read[name].astype(object).where(read[name].notna(), None)
        if str(dtype).startswith("datetime"):
            zone = getattr(dtype, "tz", None)
            if zone is not None:
                read[name] = pd.to_datetime(read[name], utc=True).dt.tz_convert(zone)
            read[name] = read[name].astype(dtype)
    return read


def hours(frame: pd.DataFrame) -> Any:
    return np.column_stack([frame.iloc[:, 0].dt.hour, frame.iloc[:, 0].dt.day_of_week])


def encoded(model: Any) -> Any:
    """Every column goes in: numbers imputed, texts and categories encoded, dates as hours."""
    texts = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="?"), OneHotEncoder(handle_unknown="ignore")
    )
    ordinal = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
    )
    columns = make_column_transformer(
        (SimpleImputer(), [*NUMBERS, "gaps", "nullable"]),
        ("passthrough", ["flag"]),
        (OneHotEncoder(handle_unknown="ignore"), ["flagged"]),
        (texts, ["word", "maybe"]),
        (ordinal, ["size", "code"]),
        (FunctionTransformer(hours), ["day"]),
        (FunctionTransformer(hours), ["moment"]),
    )
    return make_pipeline(columns, model)


def searched() -> Any:
    return GridSearchCV(encoded(LogisticRegression()), {"logisticregression__C": [0.1, 1.0]}, cv=2)


def selected() -> Any:
    columns = make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_include="category")),
        (SimpleImputer(), make_column_selector(dtype_include="number")),
    )
    return make_pipeline(columns, LinearRegression())


def of_catboost() -> Any:
    import catboost  # installed for the long tests only

    return catboost.CatBoostClassifier(
        iterations=5, verbose=0, allow_writing_files=False, cat_features=["word"]
    )


def of_texts() -> Any:
    return make_pipeline(TfidfVectorizer(), LogisticRegression())


@dataclass(frozen=True)
class Case:
    """An estimator, the columns of FRAME or the rows that it takes, and the method that answers."""

    model: Callable[[], Any]
    rows: Any = None
    method: Any = "predict"
    target: Any = None

    @property
    def training(self) -> Any:
        """A frame or an array."""
        if self.rows is None:
            return FRAME
        return FRAME[self.rows] if isinstance(self.rows, list) else self.rows

    def fit(self) -> Any:
        rows = self.training
        target = TARGET if self.target is None else self.target
        given = rows["review"] if rows is TEXTS else rows
        return self.model().fit(given, target[: len(rows)])

    def asked(self) -> Any:
        return self.training[:ASKED].copy()

    def oracle(self, model: Any) -> Any:
        """What the model itself answers to the rows that are asked."""
        asked = self.asked()
        if isinstance(asked, pd.DataFrame):
            asked = as_csv_reads(asked)
        return getattr(model, self.method)(asked["review"] if self.rows is TEXTS else asked)


CASES = {
    "linear": Case(lambda: encoded(LinearRegression())),
    "logistic odds": Case(
        lambda: encoded(LogisticRegression()), method="predict_proba", target=CLASSES
    ),
    "search": Case(searched, target=CLASSES),
    "tree of labels": Case(lambda: encoded(DecisionTreeClassifier()), target=CLASSES),
    "forest of two outputs": Case(
        lambda: encoded(RandomForestRegressor(5)), target=np.column_stack([TARGET, -TARGET])
    ),
    "two outputs' odds": Case(
        lambda: encoded(MultiOutputClassifier(RandomForestClassifier(5))),
        method="predict_proba",
        target=np.column_stack([CLASSES, FRAME.flag.astype(str)]),
    ),
    "encoder": Case(lambda: encoded("passthrough"), method="transform"),
    "numbers alone": Case(lambda: KNeighborsRegressor(3), NUMBERS),
    "whole numbers alone": Case(LinearRegression, ["whole"]),
    "gaps": Case(lambda: HistGradientBoostingRegressor(max_iter=5), [*NUMBERS, "gaps", "nullable"]),
    "histograms of categories": Case(
        lambda: HistGradientBoostingClassifier(max_iter=5), BOOSTED, "predict_proba", CLASSES
    ),
    "XGBoost": Case(lambda: xgboost.XGBRegressor(n_estimators=5, enable_categorical=True), BOOSTED),
    "XGBoost's classes": Case(
        lambda: xgboost.XGBClassifier(n_estimators=5, enable_categorical=True),
        BOOSTED,
        "predict_proba",
        (CLASSES == "high").astype(int),
    ),
    "LightGBM": Case(lambda: lightgbm.LGBMRegressor(n_estimators=5, verbose=-1), BOOSTED),
    "LightGBM's labels": Case(
        lambda: lightgbm.LGBMClassifier(n_estimators=5, verbose=-1), BOOSTED, target=CLASSES
    ),
    "CatBoost": Case(
        of_catboost,
        [*NUMBERS, "gaps", "word"],
        "predict_proba",
        CLASSES,
    ),
    "selected by dtype": Case(selected, [*NUMBERS, "gaps", "code"]),
    "texts": Case(of_texts, TEXTS, "predict_proba", np.array([1, 0, 0, 1] * 5)),
    "array": Case(lambda: make_pipeline(StandardScaler(), Ridge()), ARRAY),
    "array of float32": Case(
        lambda: xgboost.XGBClassifier(n_estimators=3),
        ARRAY.astype(np.float32),
        "predict_proba",
        (CLASSES == "high").astype(int),
    ),
    "array of integers": Case(lambda: RandomForestClassifier(5), GRID, target=CLASSES),
}
