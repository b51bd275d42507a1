"""The core's settings, read once from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

from inference import column_names, error_threshold, instance_memory
from inference.column_names import ColumnNames
from inference.error_threshold import ErrorThreshold
from inference.errors import SettingError
from inference.limits import Limits

CacheMode = Literal["auto", "always", "off"]
#: `auto`: text on a terminal, JSON otherwise.
RequestLogForm = Literal["off", "auto", "text", "json"]

DEFAULT_MODEL_DIR = "models/digits"
DEFAULT_SCRIPT = "score.py"
MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class InferenceSettings:
    """What the core uses, and how much of it."""

    model_dir: Path
    #: None: the built-in script, which serves any estimator.
    entry_script: Path | None = None
    max_body_bytes: int = 100 * MIB
    max_rows: int = 100_000
    #: Memory for all bodies that are processed at once, with everything made of them.
    max_bodies_in_work_bytes: int = field(
        default_factory=lambda: instance_memory.memory_limit_bytes() // 4
    )
    scoring_timeout_s: float = 60.0
    #: Whether to load a model without a manifest, whose origin can't be checked.
    allow_unpinned_model: bool = False
    #: Whether answers and logs show the text of errors that scripts raise, which may hold payload.
    show_script_errors: bool = False
    #: Whether each request has a line in the log, and in which form.
    request_log: RequestLogForm = "off"
    #: `auto` skips lookups that cost more than they save, `always` skips none, `off` all.
    cache_mode: CacheMode = "auto"
    #: How long a prediction is kept.
    cache_ttl_s: float = 3600.0
    #: How long a stored result document can be fetched by its id.
    result_ttl_s: float = 86_400.0
    #: How many rows of a batch may fail before the batch itself fails.
    error_threshold: ErrorThreshold = error_threshold.NO_LIMIT
    #: What the columns are called that scoring adds.
    columns: ColumnNames = column_names.DEFAULT

    @property
    def limits(self) -> Limits:
        """What one body may hold."""
        return Limits(self.max_body_bytes, self.max_rows)

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, root: Path) -> InferenceSettings:
        """Relative paths start at `root`. Raises SettingError."""
        model_dir = (root / (env.get("AZUREML_MODEL_DIR", "") or DEFAULT_MODEL_DIR)).resolve()
        if not model_dir.is_dir():
            raise SettingError(
                name="AZUREML_MODEL_DIR",
                value=str(model_dir),
                expected="a folder that holds the model",
            )
        return cls(
            model_dir=model_dir,
            entry_script=_entry_script(env, model_dir),
            allow_unpinned_model=read_bool(env, "ALLOW_UNPINNED_MODEL"),
            show_script_errors=read_bool(env, "SHOW_SCRIPT_ERRORS"),
            max_body_bytes=positive_int(env, "MAX_BODY_BYTES", cls.max_body_bytes),
            max_rows=positive_int(env, "MAX_ROWS", cls.max_rows),
            max_bodies_in_work_bytes=positive_int(
                env, "MAX_BODIES_IN_WORK_BYTES", instance_memory.memory_limit_bytes() // 4
            ),
            scoring_timeout_s=positive_float(env, "SCORING_TIMEOUT_S", cls.scoring_timeout_s),
            request_log=cast(RequestLogForm, _choice(env, "REQUEST_LOG", RequestLogForm, "off")),
            cache_mode=cast(CacheMode, _choice(env, "CACHE_MODE", CacheMode, "auto")),
            cache_ttl_s=positive_float(env, "CACHE_TTL_S", cls.cache_ttl_s),
            result_ttl_s=positive_float(env, "RESULT_TTL_S", cls.result_ttl_s),
            error_threshold=_error_threshold(env),
            columns=ColumnNames.from_env(env),
        )


def _entry_script(env: Mapping[str, str], model_dir: Path) -> Path | None:
    named = env.get("AZUREML_ENTRY_SCRIPT", "")
    script = model_dir / (named or DEFAULT_SCRIPT)
    if script.is_file():
        return script
    if named:
        raise SettingError(
            name="AZUREML_ENTRY_SCRIPT", value=named, expected=f"a file in {model_dir}"
        )
    return None


def _choice(env: Mapping[str, str], name: str, form: Any, default: str) -> str:
    """A setting that is one of the values of `form`, a Literal. Raises SettingError."""
    text = env.get(name, "").lower() or default
    if text not in get_args(form):
        raise SettingError(name=name, value=text, expected=f"one of {', '.join(get_args(form))}")
    return text


def _error_threshold(env: Mapping[str, str]) -> ErrorThreshold:
    text = env.get(error_threshold.NAME, "") or "-1"
    try:
        return ErrorThreshold.parse(text)
    except ValueError as error:
        raise SettingError(
            name=error_threshold.NAME, value=text, expected=error_threshold.EXPECTED
        ) from error


def read_bool(env: Mapping[str, str], name: str) -> bool:
    """A setting that is on or off, by default off. Raises SettingError."""
    text = env.get(name, "").lower() or "false"
    if text not in ("true", "false"):
        raise SettingError(name=name, value=text, expected="`true` or `false`")
    return text == "true"


def positive_float(env: Mapping[str, str], name: str, default: float) -> float:
    """A setting that is a number above 0. Raises SettingError."""
    text = env.get(name, "")
    try:
        number = float(text) if text else default
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise SettingError(name=name, value=text, expected="a number above 0")
    return number


def positive_int(env: Mapping[str, str], name: str, default: int) -> int:
    """A setting that is a whole number above 0. Raises SettingError."""
    text = env.get(name, "")
    if text and not (text.isdecimal() and int(text) > 0):
        raise SettingError(name=name, value=text, expected="a whole number above 0")
    return int(text) if text else default
