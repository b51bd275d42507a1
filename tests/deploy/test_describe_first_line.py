"""The first line of a CSV file of rows, of a model that knows no names."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from inference.errors import UnfitInput
from inference.models import manifest_file
from tests.deploy.described import columns, describe

CITIES = np.array([["Ulm", "red"], ["Bonn", "blue"]] * 6, dtype=object)


class Counting:
    """Takes a DataFrame of any texts, and knows none."""

    def predict(self, frame):
        return [sum(map(len, map(str, row))) for row in frame.to_numpy().tolist()]


def encoding():
    """Knows the texts of its columns, and no names."""
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), DecisionTreeClassifier())
    return model.fit(CITIES, [0, 1] * 6)


def test_a_line_of_values_that_the_model_knows_is_not_lost_as_names(tmp_path):
    with pytest.raises(UnfitInput, match="got 'Ulm', a value that the model knows: put names"):
        describe(tmp_path, encoding(), "Ulm,red\nBonn,blue\nUlm,blue\n")
    assert [*columns(describe(tmp_path, encoding(), "city,color\nUlm,red\nBonn,blue\n"))] == [
        "city",
        "color",
    ]


def test_a_line_above_nothing_but_texts_is_asked_for(tmp_path):
    rows = "a,b\nUlm,red\nBonn,blue\n"
    with pytest.raises(UnfitInput, match=r"'a', which may be a cell.* with --type a=text"):
        describe(tmp_path, Counting(), rows)
    assert [*columns(describe(tmp_path, Counting(), rows, types={"a": "text"}))] == ["a", "b"]


@pytest.mark.parametrize("rows", ["Ulm,\nBonn,3\nUlm,4\n", "Ulm,True\nBonn,False\n"])
def test_a_cell_that_is_no_name_tells_no_header(tmp_path, rows):
    with pytest.raises(UnfitInput, match="'Ulm', which may be a cell"):
        describe(tmp_path, Counting(), rows)


def test_a_name_above_numbers_tells_the_header(tmp_path):
    assert [*columns(describe(tmp_path, Counting(), "city,age\nUlm,3\nBonn,4\n"))] == [
        "city",
        "age",
    ]


def test_one_word_above_words_is_asked_for_and_above_texts_is_the_name(tmp_path):
    model = CountVectorizer().fit(["good day", "bad day"])
    words = "good\nbad\nday\n"
    with pytest.raises(UnfitInput, match=r"'good', which may be a text: .* --type good=text"):
        describe(tmp_path, model, words, method="transform")
    for rows, rows_of, options in (
        ("text\n" + words, 3, {}),
        ("review\n" + words, 3, {"types": {"review": "text"}}),
        ("review\ngood day\nbad\n", 2, {}),
        ("good day\nbad\n", 2, {}),
    ):
        found = manifest_file.read(describe(tmp_path, model, rows, method="transform", **options))
        assert len(found.golden.rows) == rows_of
