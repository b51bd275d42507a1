"""What Azure accepts for a resource, by the schemas of Microsoft's client libraries.

They are generated from the service's API description, one version each: a property that they do
not have does not exist in that version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import EnumType
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.deploy.bicep import Computed, Resource

#: What names and places a resource in Bicep: no part of what is sent.
BICEPS_OWN = {"name", "parent", "scope", "dependsOn"}

SINGLE, MANY, NAMED = "one", "list", "map"
JSON_TYPES = {"str": str, "int": int, "bool": bool}

#: By resource type: the package, and the model of what is sent.
MODELS = {
    "Microsoft.Authorization/roleAssignments": (
        "authorization.v2022_04_01",
        "RoleAssignmentCreateParameters",
    ),
    "Microsoft.Cache/redisEnterprise": ("redisenterprise", "Cluster"),
    "Microsoft.Cache/redisEnterprise/databases": ("redisenterprise", "Database"),
    "Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments": (
        "redisenterprise",
        "AccessPolicyAssignment",
    ),
    "Microsoft.EventGrid/systemTopics": ("eventgrid", "SystemTopic"),
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": ("eventgrid", "EventSubscription"),
    "Microsoft.Insights/actionGroups": ("monitor", "ActionGroupResource"),
    "Microsoft.Insights/components": (
        "applicationinsights.v2020_02_02",
        "ApplicationInsightsComponent",
    ),
    "Microsoft.Insights/metricAlerts": ("monitor", "MetricAlertResource"),
    "Microsoft.Insights/scheduledQueryRules": ("monitor", "ScheduledQueryRuleResource"),
    "Microsoft.Insights/workbooks": ("applicationinsights.v2023_06_01", "Workbook"),
    "Microsoft.KeyVault/vaults": ("keyvault", "VaultCreateOrUpdateParameters"),
    "Microsoft.KeyVault/vaults/secrets": ("keyvault", "SecretCreateOrUpdateParameters"),
    "Microsoft.ManagedIdentity/userAssignedIdentities": ("msi.v2024_11_30", "Identity"),
    "Microsoft.Network/privateDnsZones": ("privatedns", "PrivateZone"),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": ("privatedns", "VirtualNetworkLink"),
    "Microsoft.Network/privateEndpoints": ("network", "PrivateEndpoint"),
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": ("network", "PrivateDnsZoneGroup"),
    "Microsoft.Network/virtualNetworks": ("network", "VirtualNetwork"),
    "Microsoft.OperationalInsights/workspaces": ("loganalytics", "Workspace"),
    "Microsoft.Resources/resourceGroups": ("resource.resources", "ResourceGroup"),
    "Microsoft.ServiceBus/namespaces": ("servicebus", "SBNamespace"),
    "Microsoft.ServiceBus/namespaces/queues": ("servicebus", "SBQueue"),
    "Microsoft.ServiceBus/namespaces/topics": ("servicebus", "SBTopic"),
    "Microsoft.ServiceBus/namespaces/topics/subscriptions": ("servicebus", "SBSubscription"),
    "Microsoft.Storage/storageAccounts": ("storage", "StorageAccountCreateParameters"),
    "Microsoft.Storage/storageAccounts/blobServices": ("storage", "BlobServiceProperties"),
    "Microsoft.Storage/storageAccounts/blobServices/containers": ("storage", "BlobContainer"),
    "Microsoft.Storage/storageAccounts/managementPolicies": ("storage", "ManagementPolicy"),
    "Microsoft.Web/serverfarms": ("web", "AppServicePlan"),
    "Microsoft.Web/sites": ("web", "Site"),
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": (
        "web",
        "CsmPublishingCredentialsPoliciesEntity",
    ),
    "Microsoft.Web/sites/config": ("web", "StringDictionary"),
}


@dataclass(frozen=True, slots=True)
class Property:
    """What may stand under one name."""

    form: str
    #: A model, an enumeration, or one of JSON's own types by its name.
    type: Any
    is_read_only: bool
    is_required: bool


def faults(resource: Resource) -> list[str]:
    """What Azure would refuse in a resource, each as a sentence; the body must be an object."""
    package, name = MODELS[resource.type]
    module = import_module(f"azure.mgmt.{package}")
    found = [] if resource.version in _versions(module) else [f"no version {resource.version}"]
    body = {key: each for key, each in resource.body.items() if key not in BICEPS_OWN}
    return found + list(_faults(body, getattr(module.models, name), resource.type))


def _faults(body: dict[str, Any], model: type, at: str) -> Iterator[str]:
    known = properties(_subtype(model, body))
    for name, each in body.items():
        if name not in known:
            yield f"{at}: no property {name}"
        elif known[name].is_read_only:
            yield f"{at}.{name} cannot be set"
        else:
            yield from _value_faults(each, known[name], f"{at}.{name}")
    for name, each in known.items():
        if each.is_required and not each.is_read_only and name not in body:
            yield f"{at}.{name} is missing"


def _value_faults(given: Any, known: Property, at: str) -> Iterator[str]:
    if isinstance(given, Computed):
        for each in given.of:
            yield from _value_faults(each, known, at)
    elif given is None:
        return
    elif known.form == SINGLE:
        yield from _one_faults(given, known.type, at)
    elif not isinstance(given, list if known.form == MANY else dict):
        yield f"{at} is no {known.form}"
    else:
        inner = replace(known, form=SINGLE)
        for each in given.values() if isinstance(given, dict) else given:
            yield from _value_faults(each, inner, at)


def _one_faults(given: Any, kind: Any, at: str) -> Iterator[str]:
    if isinstance(kind, str):
        expected = JSON_TYPES.get(kind)
        if expected and type(given) is not expected:
            yield f"{at} is {given!r}, no {kind}"
    elif isinstance(kind, EnumType):
        allowed = [each.value for each in kind]  # type: ignore[var-annotated]
        if given not in allowed:
            yield f"{at} is {given!r}, none of {', '.join(allowed)}"
    elif isinstance(given, dict):
        yield from _faults(given, kind, at)
    else:
        yield f"{at} is {given!r}, no object"


def properties(model: Any) -> dict[str, Property]:
    """By their names in JSON."""
    if isinstance(model, dict):  # within a flattened one
        return model
    if hasattr(model, "_attribute_map"):
        return _of_attribute_map(model)
    found: dict[str, Property] = {}
    for klass in model.__mro__:
        for attribute, each in vars(klass).items():
            if hasattr(each, "_visibility"):
                name = each._rest_name_input or attribute
                found.setdefault(name, _annotated(model, each, klass.__annotations__[attribute]))
    return found


def _annotated(model: type, rest_field: Any, annotation: Any) -> Property:
    """Of the newer libraries' `lock_duration: Optional[…] = rest_field(…)`."""
    text = str(annotation)
    form = MANY if "list[" in text.lower() else NAMED if "dict[" in text.lower() else SINGLE
    named = re.findall(r"_models\.(\w+)|\b(str|int|bool)\b", text)
    models = [each for each, _ in named if each]
    simple = [each for _, each in named if each]
    kind = getattr(_models_of(model), models[0]) if models else simple[-1] if simple else "any"
    return Property(
        form,
        kind,
        is_read_only=rest_field._visibility == ["read"],
        is_required="Optional" not in text and "None" not in text,
    )


def _of_attribute_map(model: type) -> dict[str, Property]:
    """Of the older libraries' table, in which `properties.port` is a property of a property."""
    found: dict[str, Property] = {}
    for attribute, each in model._attribute_map.items():  # type: ignore[attr-defined]
        rules = model._validation.get(attribute, {})  # type: ignore[attr-defined]
        text = each["type"]
        name = text.strip("[]{}")
        leaf = Property(
            {"[": MANY, "{": NAMED}.get(text[0], SINGLE),
            getattr(_models_of(model), _enumeration(model, attribute) or name, name),
            is_read_only=rules.get("readonly", False),
            is_required=rules.get("required", False),
        )
        # The dot of `odata\\.type` is part of the name.
        *outer, last = (part.replace("\\", "") for part in re.split(r"(?<!\\)\.", each["key"]))
        level = found
        for part in outer:
            level = level.setdefault(
                part, Property(SINGLE, {}, is_read_only=False, is_required=leaf.is_required)
            ).type
        level[last] = leaf
    return found


def _enumeration(model: type, attribute: str) -> str:
    """Which the table calls a str; the constructor knows better."""
    annotation = str(model.__init__.__annotations__.get(attribute))  # type: ignore[misc]
    named = re.search(r"Union\[str, ForwardRef\('_models\.(\w+)'", annotation)
    return named[1] if named else ""


def _subtype(model: Any, body: dict[str, Any]) -> Any:
    """The kind that the body says it is, where there are several."""
    for attribute, kinds in getattr(model, "_subtype_map", {}).items():
        name = model._attribute_map[attribute]["key"].replace("\\", "")
        return getattr(_models_of(model), kinds[body[name]])
    return model


def _models_of(model: type) -> Any:
    return import_module(model.__module__.rpartition(".")[0])


def _versions(module: Any) -> set[str]:
    """The API versions that a package speaks; one that speaks many has a folder for each."""
    folder = Path(module.__file__).parent
    if folder.name.startswith("v20"):
        return {folder.name[1:].replace("_", "-")}
    sources = [folder / "_configuration.py", *folder.glob("operations/_*operations.py")]
    return {
        version
        for source in sources
        for version in re.findall(r'"(20\d\d-\d\d-\d\d)"', source.read_text())
    }
