"""Rows of every estimator get the same answers alone, in any order and from any format."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pandas as pd
import pytest

import deploy
from inference.rows.schema import NA_WORDS
from tests.deploy.described import answers, load
from tests.deploy.estimator_cases import CASES

OF_FRAMES = [name for name, case in CASES.items() if isinstance(case.training, pd.DataFrame)]


@pytest.mark.long
@pytest.mark.parametrize("name", OF_FRAMES)
def test_rows_alone_and_in_any_order_get_the_same_answers(tmp_path, name):
    case = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        deploy.describe(case.fit(), case.training, tmp_path, method=case.method)
    served, asked = load(tmp_path), case.asked()
    whole = answers(served, asked.to_csv(index=False))
    turned = answers(served, asked.iloc[::-1, ::-1].to_csv(index=False))[::-1]
    alone = [answers(served, asked.iloc[[at]].to_csv(index=False))[0] for at in range(len(asked))]
    for other in (turned, alone):
        for one, two in zip(whole, other, strict=True):
            assert one == two if isinstance(one, str) else np.allclose(one, two, rtol=1e-6)


def test_the_words_for_missing_are_those_of_pandas():
    for word in NA_WORDS:
        assert pd.read_csv(io.StringIO(f'a,b\n"{word}",1\n')).a.isna().all(), word
