"""Where an error was raised, for the log: places, never the values that a message may carry."""

from __future__ import annotations

from pathlib import Path


def where(error: BaseException) -> str:
    """File, line and function of every frame below the one that caught it."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return " > ".join(frames[1:])
