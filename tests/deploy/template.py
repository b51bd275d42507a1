"""The resources that the template of infra/ creates for some parameters and a package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.deploy import bicep_evaluation
from tests.deploy.bicep_evaluation import Made

MAIN = Path(__file__).resolve().parents[2] / "infra/main.bicep"
REQUIRED = {"environmentName": "e", "location": "l"}
TRIGGERS = ("http", "blob", "servicebus", "http,blob", "http,servicebus", "http,blob,servicebus")
#: What begins the name of a setting of the platform's own.
_PLATFORMS = ("APPLICATIONINSIGHTS_", "AZURE_CLIENT_ID", "AzureFunctionsJobHost__", "AzureWebJobs")


def made(triggers: str, package: dict[str, str] | None = None, **parameters: Any) -> list[Made]:
    """Raises Failed."""
    given = {"TRIGGERS": triggers, **(package or {})}
    return bicep_evaluation.made(MAIN, {**REQUIRED, **parameters}, given)


def outputs(triggers: str, **parameters: Any) -> dict[str, Any]:
    return bicep_evaluation.outputs(MAIN, {**REQUIRED, **parameters}, {"TRIGGERS": triggers})


def of(kind: str, resources: list[Made]) -> list[Made]:
    """Those of one type, which `kind` ends."""
    return [each for each in resources if each.type.endswith(kind)]


def app_settings(resources: list[Made]) -> dict[str, Any]:
    (settings,) = of("sites/config", resources)
    properties: dict[str, Any] = settings.body["properties"]
    return properties


#: The names of the app's own settings, by TRIGGERS.
SETTINGS_OF = {
    triggers: {name for name in app_settings(made(triggers)) if not name.startswith(_PLATFORMS)}
    for triggers in TRIGGERS
}
