"""Describes a model, and turns its file into a package for Azure Functions.

In notebooks, use `describe` where the model is trained, then `package_http`, `package_blob` and
`package_service_bus_queue`. These replace those of azureml.contrib.functions and take the path of a
model instead of a workspace. All raise deploy.errors.Refused, ScoringError or OSError, and then
write nothing.
"""

from __future__ import annotations

from typing import Required, TypedDict, Unpack

from deploy.notebook import describe
from deploy.packaging import AnyPath, Package, package

__all__ = [
    "Package",
    "describe",
    "package",
    "package_blob",
    "package_http",
    "package_service_bus_queue",
]


class CommonOptions(TypedDict, total=False):
    """The options of every package, as in deploy.packaging.package."""

    output: Required[AnyPath]
    entry_script: AnyPath | None
    requirements: AnyPath | None
    generate_dockerfile: bool
    tracing: str | None


def package_http(
    model: AnyPath, *, auth_level: str | None = None, **common: Unpack[CommonOptions]
) -> Package:
    """A package with an HTTP trigger. `auth_level`: anonymous, function or admin."""
    return package(model, trigger="http", auth_level=auth_level, **common)


def package_blob(
    model: AnyPath,
    *,
    input_path: str | None = None,
    output_path: str | None = None,
    **common: Unpack[CommonOptions],
) -> Package:
    """A package with a blob trigger. `input_path`: container/{name}; `output_path`: a container."""
    return package(model, trigger="blob", input_path=input_path, output_path=output_path, **common)


def package_service_bus_queue(
    model: AnyPath,
    *,
    input_queue_name: str | None = None,
    output_queue_name: str | None = None,
    claim_container: str | None = None,
    **common: Unpack[CommonOptions],
) -> Package:
    """A package with a Service Bus trigger: it reads one queue and writes results to another.

    `claim_container`: has the blobs that messages name.
    `package` has options for topics and sessions.
    """
    return package(
        model,
        trigger="service-bus-queue",
        input_queue_name=input_queue_name,
        output_queue_name=output_queue_name,
        claim_container=claim_container,
        **common,
    )
