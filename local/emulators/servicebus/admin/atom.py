"""Reads and writes the ATOM entries and feeds that wrap descriptions of entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from local.emulators.servicebus.admin.errors import BadRequest

ATOM = "http://www.w3.org/2005/Atom"
SERVICE_BUS = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
COUNTS = "http://schemas.microsoft.com/netservices/2011/06/servicebus"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
SCHEMA = "http://www.w3.org/2001/XMLSchema"

CONTENT_TYPE = "application/atom+xml;type=entry;charset=utf-8"

#: All other elements are written without a prefix, as the service does: the JavaScript SDK looks
#: for them by name alone.
_PREFIXES = {COUNTS: "d2p1", INSTANCE: "i"}


@dataclass(frozen=True, slots=True)
class Entry:
    """`url` is the entity's address, `content` its description."""

    title: str
    url: str
    content: ET.Element


def tag(name: str, namespace: str = SERVICE_BUS) -> str:
    return f"{{{namespace}}}{name}"


def local_name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def time_text(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_description(body: bytes) -> ET.Element:
    """The description in an entry. Raises BadRequest."""
    try:
        entry = ET.fromstring(body)  # noqa: S314 - expat refuses exponential entities
    except ET.ParseError as error:
        raise BadRequest(f"The body is not XML: {error}.") from error
    content = entry.find(tag("content", ATOM))
    if content is None or len(content) != 1:
        raise BadRequest("The body is not an ATOM entry with one description as its content.")
    return content[0]


def write_entry(entry: Entry, now_ms: int) -> bytes:
    return _write(_entry(entry, now_ms))


def write_feed(
    title: str, url: str, entries: Sequence[Entry], next_url: str | None, now_ms: int
) -> bytes:
    """A page of a list. `next_url` is the address of the next page."""
    feed = ET.Element(tag("feed", ATOM))
    _text(feed, "title", title)
    _text(feed, "id", url)
    _text(feed, "updated", time_text(now_ms))
    _link(feed, "self", url)
    if next_url is not None:
        _link(feed, "next", next_url)
    feed.extend(_entry(entry, now_ms) for entry in entries)
    return _write(feed)


def write_error(status: int, detail: str) -> bytes:
    error = ET.Element("Error")
    ET.SubElement(error, "Code").text = str(status)
    ET.SubElement(error, "Detail").text = detail
    return _write(error)


def _entry(entry: Entry, now_ms: int) -> ET.Element:
    element = ET.Element(tag("entry", ATOM))
    _text(element, "id", entry.url)
    _text(element, "title", entry.title)
    _text(element, "published", time_text(now_ms))
    _text(element, "updated", time_text(now_ms))
    _link(element, "self", entry.url)
    content = ET.SubElement(element, tag("content", ATOM), {"type": "application/xml"})
    content.append(entry.content)
    return element


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, tag(name, ATOM)).text = text


def _link(parent: ET.Element, relation: str, url: str) -> None:
    ET.SubElement(parent, tag("link", ATOM), {"rel": relation, "href": url})


def _write(element: ET.Element) -> bytes:
    written: bytes = ET.tostring(_as_served(element, ""), encoding="utf-8", xml_declaration=True)
    return written


def _as_served(element: ET.Element, default: str) -> ET.Element:
    """A copy whose namespaces are written as attributes. `default` is that of its parent."""
    namespace, name = _split(element.tag)
    served = ET.Element(name)
    for key, value in element.attrib.items():
        served.set(_prefixed(*_split(key)), value)
    if namespace in _PREFIXES:
        served.tag = _prefixed(namespace, name)
    elif namespace != default:
        served.set("xmlns", namespace)
        default = namespace
        if namespace == SERVICE_BUS:
            served.set(f"xmlns:{_PREFIXES[INSTANCE]}", INSTANCE)
    if any(_split(child.tag)[0] == COUNTS for child in element):
        served.set(f"xmlns:{_PREFIXES[COUNTS]}", COUNTS)
    served.text = element.text
    served.extend(_as_served(child, default) for child in element)
    return served


def _split(name: str) -> tuple[str, str]:
    """Namespace and local name."""
    namespace, _, local = name.rpartition("}")
    return namespace.removeprefix("{"), local


def _prefixed(namespace: str, name: str) -> str:
    return f"{_PREFIXES[namespace]}:{name}" if namespace in _PREFIXES else name
