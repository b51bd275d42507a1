"""The outputs that a caller asks the built-in script for: `?output=`, or `output` of a blob."""

from __future__ import annotations

from typing import Literal, get_args
from urllib.parse import parse_qs

from inference.errors import UnfitInput

#: `probabilities`: the label and the probability of each class.
Output = Literal["predictions", "probabilities"]

OUTPUTS: tuple[Output, ...] = get_args(Output)
PREDICTIONS, PROBABILITIES = OUTPUTS

PARAMETER = "output"


def output_of(query: str) -> Output:
    """What the query of a request asks for. Raises UnfitInput for another output than OUTPUTS."""
    if PARAMETER not in query:  # the quick way for most
        return PREDICTIONS
    return choose(parse_qs(query, keep_blank_values=True).get(PARAMETER, [PREDICTIONS])[-1])


def choose(asked: str) -> Output:
    """The output that a text names. Raises UnfitInput."""
    for known in OUTPUTS:
        if asked == known:
            return known
    raise UnfitInput(field=PARAMETER, expected=f"one of {', '.join(OUTPUTS)}", got=asked[:40])
