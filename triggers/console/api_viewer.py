"""The OpenAPI document as an interactive page: Swagger UI, from a package that carries its files.

mkdocs-swagger-ui-tag is looked up and never imported. Azure's requirements.txt does not have it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import azure.functions as func

from triggers import responses
from triggers.console import page_files
from triggers.statuses import NO_VIEWER

PAGE = Path(__file__).with_name("page") / "docs.html"
#: The package, and the folders of it and of the console that hold the page's files.
PACKAGE = "mkdocs_swagger_ui_tag"
_FOLDERS = ("swagger-ui/javascripts", "swagger-ui/stylesheets")


def page(req: func.HttpRequest) -> func.HttpResponse:
    """It blocks."""
    if _package() is None:
        return responses.refusal(NO_VIEWER)
    # Swagger UI sets styles of its elements, and has its pictures inside of its style sheet.
    return page_files.page(req, PAGE, style_src="'self' 'unsafe-inline'")


def asset(req: func.HttpRequest) -> func.HttpResponse | None:
    """It blocks."""
    package = _package()
    if package is None:
        return None
    found = (page_files.asset(req, package / folder) for folder in _FOLDERS)
    return next((each for each in found if each is not None), None)


def _package() -> Path | None:
    """Its folder; None where it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    return Path(spec.origin).parent if spec is not None and spec.origin else None
