"""Environment that containers take from ConfigMaps of the same manifest, filled in as plain values.

Charts put model names and ports there. Only what stands beside the workload is known; a reference
to anything else stays a reference, and secrets are never looked at.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Settings = Mapping[str, Mapping[str, str]]
"""Data of ConfigMaps by their name; a manifest rarely has one name in two namespaces."""


def config_maps(objects: Iterable[Mapping[str, Any]]) -> Settings:
    """The plain data of the ConfigMaps among these objects."""
    found: dict[str, Mapping[str, str]] = {}
    for one in objects:
        meta, data = one.get("metadata"), one.get("data")
        name = meta.get("name") if isinstance(meta, Mapping) else None
        if one.get("kind") == "ConfigMap" and isinstance(name, str) and isinstance(data, Mapping):
            found[name] = {str(k): v for k, v in data.items() if isinstance(v, str)}
    return found


def with_settings(containers: Any, settings: Settings) -> Any:
    """The containers with those references resolved; whatever else they are, they stay."""
    if not settings or not isinstance(containers, list):
        return containers
    return [_filled(one, settings) if isinstance(one, Mapping) else one for one in containers]


def _filled(container: Mapping[str, Any], settings: Settings) -> Mapping[str, Any]:
    whole = [
        {"name": f"{source.get('prefix') or ''}{key}", "value": value}
        for source in _mappings(container.get("envFrom"))
        for key, value in _named(source.get("configMapRef"), settings).items()
    ]
    env = container.get("env")
    if env is not None and not isinstance(env, list):
        return container
    single = [_resolved(e, settings) if isinstance(e, Mapping) else e for e in env or ()]
    return {**container, "env": [*whole, *single]} if whole or single else container


def _resolved(entry: Mapping[str, Any], settings: Settings) -> Mapping[str, Any]:
    source = entry.get("valueFrom")
    key = source.get("configMapKeyRef") if isinstance(source, Mapping) else None
    value = _named(key, settings).get(key.get("key")) if isinstance(key, Mapping) else None
    return entry if value is None else {"name": entry.get("name"), "value": value}


def _named(reference: Any, settings: Settings) -> Mapping[Any, str]:
    name = reference.get("name") if isinstance(reference, Mapping) else None
    return settings.get(name, {}) if isinstance(name, str) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
