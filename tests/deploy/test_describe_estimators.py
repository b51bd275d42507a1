"""Estimators on typed frames, in every format: the answers are the model's own on the frame.

The frame is the truth: what pandas holds, never what the app's readers make of it.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier

import deploy
from inference.models.answers import one_per_row
from inference.rows import media_types
from inference.rows.schema import NA_WORDS
from tests.deploy.described import answers, load, plain

#: A table of models and formats, which takes 40 s.
pytestmark = pytest.mark.long

COUNT = 120
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
            "word": RANDOM.choice(["0042", "été", "a, b", 'say "x"', "7"], COUNT),
            "maybe": np.where(some, np.array(None), RANDOM.choice(["red", "blue"], COUNT)),
            "size": pd.Categorical(RANDOM.choice(["s", "m", "l"], COUNT), ["s", "m", "l"]),
            "code": pd.Categorical(RANDOM.choice([10, 20, 30], COUNT)),
            "day": pd.date_range("2024-02-27 06:30", periods=COUNT, freq="7h"),
        }
    )
    frame.loc[3, "nullable"] = pd.NA
    return frame


FRAME = training()
ASKED = FRAME.iloc[:12].reset_index(drop=True)
NUMBERS = ["whole", "share", "single"]
TARGET = (FRAME.share + FRAME.flag + FRAME["size"].cat.codes).round(2)
CLASSES = np.where(TARGET > 1, "high", "low")


def hours(frame: pd.DataFrame) -> Any:
    return np.column_stack([frame.day.dt.hour, frame.day.dt.day_of_week])


def encoded(model: Any) -> Any:
    """Every column goes in: numbers imputed, texts and categories encoded, dates as hours."""
    texts = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="?"), OneHotEncoder(handle_unknown="ignore")
    )
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer(
        (SimpleImputer(), [*NUMBERS, "gaps", "nullable"]),
        ("passthrough", ["flag"]),
        (texts, ["word", "maybe"]),
        (ordinal, ["size", "code"]),
        (FunctionTransformer(hours), ["day"]),
    )
    return make_pipeline(columns, model)


@dataclass(frozen=True)
class Case:
    model: Callable[[], Any]
    columns: list[str] | None = None
    method: Any = "predict"
    target: Any = None

    def fit(self) -> Any:
        target = TARGET if self.target is None else self.target
        return self.model().fit(self.frame(FRAME), target)

    def frame(self, whole: pd.DataFrame) -> pd.DataFrame:
        return whole if self.columns is None else whole[self.columns]


BOOSTED = [*NUMBERS, "gaps", "flag", "size", "code"]
CASES = {
    "linear": Case(lambda: encoded(LinearRegression())),
    "logistic odds": Case(
        lambda: encoded(LogisticRegression()), method="predict_proba", target=CLASSES
    ),
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
    "selected by dtype": Case(
        lambda: make_pipeline(
            make_column_transformer(
                (OneHotEncoder(), make_column_selector(dtype_include="category")),
                (SimpleImputer(), make_column_selector(dtype_include="number")),
            ),
            LinearRegression(),
        ),
        [*NUMBERS, "gaps", "size", "code"],
    ),
}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Any, Path]]:
    """`described(name)`: the fitted model, and the folder where its manifest is."""
    made: dict[str, tuple[Any, Path]] = {}

    def make(name: str) -> tuple[Any, Path]:
        if name not in made:
            case, folder = CASES[name], tmp_path_factory.mktemp("model")
            model = case.fit()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                deploy.describe(model, case.frame(FRAME), folder, method=case.method)
            made[name] = model, folder
        return made[name]

    return make


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    text = frame.to_json(orient="records", date_format="iso", double_precision=15)
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def exact_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """As records, with every digit of the numbers."""
    found = records(frame)
    for name in frame.columns:
        if frame[name].dtype.kind in "fiu" and name in ("whole", "share", "single", "gaps"):
            for record, cell in zip(found, frame[name].tolist(), strict=True):
                record[name] = None if cell != cell else cell  # noqa: PLR0124
        if name == "day":
            for record, cell in zip(found, frame[name].tolist(), strict=True):
                record[name] = cell.isoformat()
    return found


def bodies(frame: pd.DataFrame) -> dict[str, bytes]:
    parquet = io.BytesIO()
    frame.to_parquet(parquet, index=False)
    return {
        media_types.JSON: json.dumps(exact_records(frame)).encode(),
        media_types.JSON_LINES: "\n".join(map(json.dumps, exact_records(frame))).encode(),
        media_types.CSV: frame.to_csv(index=False).encode(),
        media_types.PARQUET: parquet.getvalue(),
    }


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("form", [media_types.JSON, media_types.JSON_LINES, media_types.CSV])
def test_a_format_gives_the_answers_of_the_model_on_the_frame(described, name, form):
    _assert_alike(described, name, form)


@pytest.mark.parametrize("name", CASES)
def test_parquet_gives_the_answers_of_the_model_on_the_frame(described, name):
    _assert_alike(described, name, media_types.PARQUET)


def _assert_alike(described: Any, name: str, form: str) -> None:
    model, folder = described(name)
    case = CASES[name]
    asked = case.frame(ASKED)
    direct = plain(one_per_row(getattr(model, case.method)(asked), len(asked)))
    found = answers(load(folder), bodies(asked)[form], form)
    assert len(found) == len(direct)
    for one, other in zip(found, direct, strict=True):
        assert one == other if isinstance(one, str) else np.allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_rows_alone_and_in_any_order_get_the_same_answers(described, name):
    _, folder = described(name)
    served, asked = load(folder), CASES[name].frame(ASKED)
    whole = answers(served, asked.to_csv(index=False))
    turned = answers(served, asked.iloc[::-1, ::-1].to_csv(index=False))[::-1]
    alone = [answers(served, asked.iloc[[at]].to_csv(index=False))[0] for at in range(len(asked))]
    for other in (turned, alone):
        for one, two in zip(whole, other, strict=True):
            assert one == two if isinstance(one, str) else np.allclose(one, two, rtol=1e-6)


def test_the_words_for_missing_are_those_of_pandas():
    for word in NA_WORDS:
        assert pd.read_csv(io.StringIO(f'a,b\n"{word}",1\n')).a.isna().all(), word
