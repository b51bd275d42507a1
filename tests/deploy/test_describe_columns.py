"""What describe learns of the columns of a model, and that the app then answers as the model."""

import numpy as np
import orjson
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import deploy
from inference.errors import ModelUnavailable, UnfitInput
from inference.rows.schema import Column
from tests.deploy.described import answers, columns, describe, load


def as_text(frame):
    return frame.astype(str)


def shops():
    """A number that is a code: the pipeline makes a text of it."""
    frame = pd.DataFrame({"plz": [10115, 80331, 20095, 1067] * 5, "size": range(20)})
    code = make_pipeline(FunctionTransformer(as_text), OneHotEncoder(handle_unknown="ignore"))
    encode = make_column_transformer((code, ["plz"]), ("passthrough", ["size"]))
    answer = frame.plz.map({10115: "east", 80331: "south", 20095: "north", 1067: "east"})
    return make_pipeline(encode, DecisionTreeClassifier(random_state=0)).fit(frame, answer), frame


def test_an_integer_in_training_reaches_the_model_as_an_integer(tmp_path):
    model, frame = shops()
    served = load(describe(tmp_path, model, frame.head(6).to_csv(index=False)))
    asked = "plz,size\n1067,3\n80331,3\n20095,4\n10115,1\n"
    assert answers(served, asked) == ["east", "south", "north", "east"]
    assert answers(served, '[{"plz": 80331.0, "size": 3}]', "application/json") == ["south"]
    with pytest.raises(UnfitInput, match="a whole number"):
        answers(served, "plz,size\n1067.5,3\n")


def test_a_gap_in_a_column_of_integers_changes_no_other_row(tmp_path):
    model, frame = shops()
    served = load(describe(tmp_path, model, frame.head(6).to_csv(index=False)))
    asked = "plz,size\n1067,3\n,3\n80331,3\n"
    assert answers(served, asked)[::2] == ["east", "south"]


def test_a_gap_in_a_column_of_integers_is_an_error_if_the_model_takes_none(tmp_path):
    frame = pd.DataFrame({"a": [1, 2, 3, 4], "b": [4, 3, 2, 1]})
    model = LinearRegression().fit(frame, frame.a)
    served = load(describe(tmp_path, model, frame.to_csv(index=False)))
    assert answers(served, "a,b\n3,2\n") == pytest.approx([3.0])
    for wrong in ("a,b\n,1\n", "a,b\n3.5,1\n"):
        with pytest.raises(UnfitInput, match="whole number"):
            answers(served, wrong)


def test_a_column_of_floats_that_happen_to_be_whole_takes_fractions(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, None, 2.0]})
    model = HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=1).fit(frame, [1, 2, 3])
    served = load(describe(tmp_path, model, frame.to_csv(index=False)))
    asked = pd.DataFrame({"a": [2.5, 1.0], "b": [None, 0.5]})
    assert answers(served, asked.to_csv(index=False)) == model.predict(asked).tolist()


def places():
    frame = pd.DataFrame(
        {"note": ["refund", "late"] * 10, "zip": ["02134", "10115", "00501", "80331"] * 5}
    )
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["note", "zip"]))
    model = make_pipeline(encode, DecisionTreeClassifier(random_state=0))
    return model.fit(frame, frame.note + " " + frame.zip)


def test_an_encoder_says_that_an_empty_column_and_digits_are_texts(tmp_path):
    folder = describe(tmp_path, places(), "note,zip\n,02134\n,10115\n")
    assert {each.type for each in columns(folder).values()} == {"text"}
    asked = "note,zip\nrefund,02134\nlate,10115\n"
    assert answers(load(folder), asked) == ["refund 02134", "late 10115"]


def test_a_column_that_is_empty_in_the_rows_and_unknown_to_the_model_is_named(tmp_path):
    frame = pd.DataFrame({"note": ["a b", "b c"] * 4, "x": range(8)})
    drop = ColumnTransformer([("x", "passthrough", ["x"])])
    model = make_pipeline(drop, LinearRegression()).fit(frame, range(8))
    with pytest.raises(ModelUnavailable, match=r"column 'note' is empty in rows\.csv.*--type note"):
        describe(tmp_path, model, "note,x\n,1\n,2\n")
    folder = describe(tmp_path, model, "note,x\n,1\n,2\n", types={"note": "text"})
    assert columns(folder)["note"].type == "text"
    assert answers(load(folder), "note,x\nhello,3\n") == pytest.approx([3.0])


def test_rows_that_contradict_the_model_are_refused_by_column(tmp_path):
    frame = pd.DataFrame({"code": [1, 2, 3] * 4})
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(frame, [0, 1, 1] * 4)
    with pytest.raises(ModelUnavailable, match="column 'code': the model knows integer, and rows"):
        describe(tmp_path, model, "code\none\ntwo\n")


def countries(values):
    frame = pd.DataFrame({"country": values * 10, "x": list(range(3)) * 10})
    fill = SimpleImputer(strategy="constant", fill_value="nowhere")
    encode = make_column_transformer(
        (make_pipeline(fill, OneHotEncoder(handle_unknown="ignore")), ["country"]),
        ("passthrough", ["x"]),
    )
    model = make_pipeline(encode, DecisionTreeClassifier(random_state=0))
    return model.fit(frame, frame.country.fillna("nowhere"))


COUNTRIES = "country,x\nNA,0\nDE,1\nFR,2\n"


def test_a_word_for_missing_is_a_gap_where_training_read_it_so(tmp_path):
    served = load(describe(tmp_path, countries([None, "DE", "FR"]), COUNTRIES))
    assert answers(served, COUNTRIES) == ["nowhere", "DE", "FR"]


def test_a_word_for_missing_that_an_encoder_knows_as_a_value_must_be_settled(tmp_path):
    model = countries(["NA", "DE", "FR"])
    with pytest.raises(ModelUnavailable, match=r"column 'country': 'NA' is a value.*--na"):
        describe(tmp_path, model, COUNTRIES)
    served = load(describe(tmp_path, model, COUNTRIES, na=("", "-")))
    assert answers(served, COUNTRIES) == ["NA", "DE", "FR"]


def people():
    frame = pd.DataFrame(
        {
            "age": [20, 30, None, 40, 50, 60] * 5,
            "city": ["ulm", "bonn", None, "kiel", "ulm", "bonn"] * 5,
            "member": [True, False, True, True, False, False] * 5,
        }
    )
    encode = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
        (
            make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()),
            ["city"],
        ),
        ("passthrough", ["member"]),
    )
    return make_pipeline(encode, LogisticRegression()).fit(frame, [0, 1] * 15), frame


@pytest.mark.parametrize("whole", [False, True], ids=["rows with gaps", "rows without gaps"])
def test_missing_cells_are_told_by_column(tmp_path, whole):
    model, frame = people()
    rows = frame.dropna().head(4) if whole else frame.head(6)
    folder = describe(tmp_path, model, rows.to_csv(index=False))
    assert [each.missing for each in columns(folder).values()] == [True, True, False]
    asked = frame.head(6)
    assert answers(load(folder), asked.to_csv(index=False)) == model.predict(asked).tolist()


def test_columns_with_names_need_rows_and_a_sentence_says_so(tmp_path):
    model, _ = people()
    with pytest.raises(ModelUnavailable, match=r"names \(age, city, member\).*--rows FILE"):
        describe(tmp_path, model)


def test_parquet_keeps_categories_dates_and_small_types(tmp_path):
    frame = pd.DataFrame(
        {
            "size": pd.Categorical(["s", "l", "m"] * 4, ["s", "m", "l"], ordered=True),
            "day": pd.date_range("2024-02-27", periods=12, freq="D"),
            "weight": np.linspace(0, 1, 12, dtype=np.float32),
            "count": pd.array([1, None, 3] * 4, dtype="Int64"),
            "fresh": pd.array([True, None, False] * 4, dtype="boolean"),
        }
    )
    model = make_pipeline(FunctionTransformer(weekdays), DecisionTreeRegressor(random_state=0))
    model.fit(frame, range(12))
    file = tmp_path / "training.parquet"
    frame.to_parquet(file)
    folder = describe(tmp_path, model, file)
    assert columns(folder) == {
        "size": Column("size", "category", True, categories=("s", "m", "l"), ordered=True),
        "day": Column("day", "date", True, "datetime64[us]"),
        "weight": Column("weight", "number", True, "float32"),
        "count": Column("count", "integer", True, "Int64"),
        "fresh": Column("fresh", "boolean", True, "boolean"),
    }
    assert answers(load(folder), frame.to_csv(index=False)) == model.predict(frame).tolist()


def weekdays(frame):
    """Every column as numbers, by the very type that training had."""
    return pd.DataFrame(
        {
            "size": frame["size"].cat.codes,
            "day": frame.day.dt.day,
            "weight": frame.weight,
            "count": frame["count"].fillna(0).astype(float),
            "fresh": frame.fresh.fillna(value=False).astype(float),
        }
    )


def test_an_unseen_category_is_the_rows_error_unless_it_is_to_be_missing(tmp_path):
    frame = pd.DataFrame({"size": pd.Categorical(["s", "l", "m"] * 4, ["s", "m", "l"])})
    model = HistGradientBoostingRegressor(max_iter=2, categorical_features="from_dtype")
    model.fit(frame, [1, 3, 2] * 4)
    file = tmp_path / "rows.parquet"
    frame.to_parquet(file)
    served = load(describe(tmp_path, model, file))
    with pytest.raises(UnfitInput, match=r"row 1, column 'size'.*one of 's', 'm', 'l'"):
        answers(served, "size\ns\nxl\n")
    lenient = load(describe(tmp_path, model, file, unseen="missing"))
    assert answers(lenient, "size\ns\nxl\n") == answers(
        lenient, "size\ns\n\n".replace("\n\n", '\n""\n')
    )


def test_types_that_are_stated_win(tmp_path):
    frame = pd.DataFrame({"when": ["2024-01-01", "2024-01-05"], "code": ["007", "8"]})
    dates = frame.assign(when=pd.to_datetime(frame.when))
    model = make_pipeline(FunctionTransformer(days_and_lengths), LinearRegression())
    model.fit(dates, [1, 2])
    stated = {"when": "date", "code": "text"}
    folder = describe(tmp_path, model, frame.to_csv(index=False), types=stated)
    assert {name: each.type for name, each in columns(folder).items()} == stated
    assert answers(load(folder), frame.to_csv(index=False)) == pytest.approx([1, 2])
    with pytest.raises(ModelUnavailable, match="--type color: expected one of the model's columns"):
        describe(tmp_path, model, frame.to_csv(index=False), types={"color": "text"})


def days_and_lengths(frame):
    return np.column_stack([frame.when.dt.day, frame.code.str.len()])


def test_columns_of_positions_slices_and_masks_are_found(tmp_path):
    frame = pd.DataFrame({"a": ["1", "2"] * 4, "b": ["01", "02"] * 4, "c": [1, 2] * 4})
    for chosen in (slice("a", "b"), slice(0, 2), [0, 1], [True, True, False]):
        encode = ColumnTransformer(
            [("t", OrdinalEncoder(), chosen)],
            remainder="passthrough",
            verbose_feature_names_out=False,
        )
        model = make_pipeline(encode, DecisionTreeRegressor()).fit(frame, [1, 2] * 4)
        folder = describe(tmp_path, model, frame.head(2).to_csv(index=False))
        assert [each.type for each in columns(folder).values()] == ["text", "text", "integer"]


# None and NaN, which an encoder knows as two values


class Knows(BaseEstimator):  # type: ignore[misc]
    """Says what it gets in `flag`."""

    def fit(self, frame):
        self.feature_names_in_ = np.array(list(frame.columns), object)
        return self

    def predict(self, frame):
        return [repr(cell) for cell in frame.flag]


@pytest.mark.parametrize("gap", [None, np.nan])
@pytest.mark.parametrize("cells", [[True, False], ["yes", "no"]])
def test_a_missing_object_is_none_or_nan_as_training_had_it(tmp_path, gap, cells):
    rows = pd.DataFrame({"flag": pd.Series([*cells, gap], dtype=object)})
    deploy.describe(Knows().fit(rows), rows, tmp_path)
    expected = [repr(cell) for cell in [*cells, gap]]
    served = load(tmp_path)
    assert answers(served, rows.to_csv(index=False, na_rep="NA")) == expected
    body = orjson.dumps({"data": [[cells[0]], [cells[1]], [None]]})
    assert answers(served, body, "application/json") == expected


@pytest.mark.parametrize("gap", [None, np.nan])
def test_an_encoder_knows_whether_a_missing_cell_is_none(tmp_path, gap):
    rows = pd.DataFrame({"flag": pd.Series([True, False, gap] * 4, dtype=object)})
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["flag"])),
        DecisionTreeClassifier(),
    ).fit(rows, ["yes", "no", "gap"] * 4)
    rows.to_parquet(tmp_path / "rows.parquet")
    for file in ("flag\nTrue\nNA\n", tmp_path / "rows.parquet"):
        served = load(describe(tmp_path, model, file))
        assert answers(served, "flag\nfalse\nNA\n") == ["no", "gap"]


def emptiness(frame):
    notes = frame.iloc[:, 0]
    return np.c_[notes.isna().astype(int), (notes == "").astype(int)]


@pytest.mark.parametrize("ending", ["parquet", "json"])
def test_an_empty_cell_is_asked_for_where_texts_were_both_empty_and_missing(tmp_path, ending):
    frame = pd.DataFrame({"note": ["good", "", None] * 4, "n": range(12)})
    made = make_column_transformer((FunctionTransformer(emptiness), ["note"]))
    model = make_pipeline(made, DecisionTreeClassifier(random_state=0)).fit(frame, [0, 1, 2] * 4)
    rows = tmp_path / f"rows.{ending}"
    if ending == "json":
        frame.to_json(rows, orient="records")
    else:
        frame.to_parquet(rows)
    with pytest.raises(ModelUnavailable, match=r"column 'note': '' is a value .* --na 'NULL'"):
        describe(tmp_path, model, rows)
    served = load(describe(tmp_path, model, rows, na=("NULL",)))
    assert answers(served, "note,n\n,1\nNULL,2\ngood,3\n") == [1, 2, 0]
