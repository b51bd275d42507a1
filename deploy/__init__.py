"""From a model file to what an app serves.

For notebooks, `package_http`, `package_blob` and `package_service_bus_queue` are what they were in
azureml.contrib.functions, with a model's path instead of a workspace's. All of them raise
deploy.errors.Refused, ScoringError or OSError, and then write nothing.
"""

from __future__ import annotations

from typing import Required, TypedDict, Unpack

from deploy.packaging import AnyPath, Package, package

__all__ = ["Package", "package", "package_blob", "package_http", "package_service_bus_queue"]


class Given(TypedDict, total=False):
    """What every package takes, as deploy.packaging.package says it."""

    output: Required[AnyPath]
    entry_script: AnyPath | None
    requirements: AnyPath | None
    generate_dockerfile: bool


def package_http(
    model: AnyPath, *, auth_level: str | None = None, **given: Unpack[Given]
) -> Package:
    """Answers HTTP requests. `auth_level`: anonymous, function or admin."""
    return package(model, trigger="http", auth_level=auth_level, **given)


def package_blob(
    model: AnyPath,
    *,
    input_path: str | None = None,
    output_path: str | None = None,
    **given: Unpack[Given],
) -> Package:
    """Scores blobs. `input_path`: container/{name}; `output_path`: another container."""
    return package(model, trigger="blob", input_path=input_path, output_path=output_path, **given)


def package_service_bus_queue(
    model: AnyPath,
    *,
    input_queue_name: str | None = None,
    output_queue_name: str | None = None,
    **given: Unpack[Given],
) -> Package:
    """Scores the messages of one queue into another."""
    return package(
        model,
        trigger="service-bus-queue",
        input_queue_name=input_queue_name,
        output_queue_name=output_queue_name,
        **given,
    )
