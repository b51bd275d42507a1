"""Sparse answers become arrays, as far as these stay within MAX_BODY_BYTES."""

import joblib
import numpy as np
import orjson
import pytest
from sklearn.preprocessing import OneHotEncoder

from deploy import manifest
from inference.errors import ResultUnserialisable
from inference.models import manifest_file

VALUES = np.arange(200.0).reshape(-1, 1)


@pytest.fixture
def encoder(tmp_path):
    """Answers each row with 200 cells of 8 bytes, of which one is not zero."""
    joblib.dump(OneHotEncoder(handle_unknown="ignore").fit(VALUES), tmp_path / "model.joblib")
    described = manifest.describe(tmp_path, method="transform")
    manifest_file.write(tmp_path, described)
    return tmp_path


def body(rows: int) -> bytes:
    return orjson.dumps(VALUES[:rows].tolist())


async def test_a_sparse_answer_is_written_dense(encoder, make_scorer, request_of):
    answer = await make_scorer(encoder).score(request_of(body(3)))
    assert orjson.loads(answer.body) == np.eye(200)[:3].tolist()


async def test_a_sparse_answer_beyond_the_limit_is_refused(encoder, make_scorer, request_of):
    scorer = make_scorer(encoder, MAX_BODY_BYTES="16000")
    assert len(orjson.loads((await scorer.score(request_of(body(10)))).body)) == 10
    with pytest.raises(ResultUnserialisable, match=r"17,600 bytes .* up to 16,000 \(MAX_BODY_BY"):
        await scorer.score(request_of(body(11)))
