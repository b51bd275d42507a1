"""An Azure ML entry script that takes the bytes of an image and says which digit it shows."""

from __future__ import annotations

import io
import os
from pathlib import Path

import joblib
import numpy as np
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse
from PIL import Image, UnidentifiedImageError

model = None


def init() -> None:
    global model
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"]) / "digits.joblib")


@rawhttp
def run(request: AMLRequest) -> AMLResponse:
    try:
        image = Image.open(io.BytesIO(request.get_data()))
        grey = image.convert("L").resize((8, 8))
    except (UnidentifiedImageError, OSError):
        return AMLResponse("expected an image, such as a PNG or JPEG", 400)
    pixels = np.asarray(grey, dtype=float).reshape(1, 64) * 16 / 255
    return AMLResponse(int(model.predict(pixels)[0]), 200, json_str=True)
