"""What a content type and a blob's metadata say of a text is read, or refused by name."""

import pytest

from inference.errors import MalformedInput, UnsupportedType
from inference.rows.text_options import UNSAID, TextOptions, options_of, with_options


@pytest.mark.parametrize(
    ("content_type", "options"),
    [
        ("", UNSAID),
        ("text/csv", UNSAID),
        ("text/csv;", UNSAID),
        ("text/csv; boundary=x; q=0.5", UNSAID),
        ("application/json; charset=UTF-8", UNSAID),
        ("text/csv; charset=us-ascii", UNSAID),
        ("application/octet-stream; charset=binary", UNSAID),
        ("text/csv;charset=utf-8-sig", UNSAID),
        ("text/csv;charset=utf-16", TextOptions(charset="utf_16")),
        ('text/csv; Charset="ISO-8859-1"', TextOptions(charset="latin_1")),
        ("text/csv; charset = Latin-1 ; header = Absent ", TextOptions("latin_1", header=False)),
        ("text/csv; charset=windows-1252", TextOptions(charset="cp1252")),
        ("text/csv; header=present", TextOptions(header=True)),
        ("text/csv; header=present; header=absent", TextOptions(header=True)),
        ('text/csv; delimiter=";"', TextOptions(delimiter=";")),
        ("text/csv; delimiter=;", TextOptions(delimiter=";")),
        ("text/csv; delimiter=;; header=absent", TextOptions(header=False, delimiter=";")),
        ("text/csv; delimiter=|", TextOptions(delimiter="|")),
        ('text/csv; delimiter="\\|"', TextOptions(delimiter="|")),
        ('text/csv; delimiter="\\\\"', TextOptions(delimiter="\\")),
        ("text/csv; delimiter=tab", TextOptions(delimiter="\t")),
        ("text/csv; delimiter=\\t", TextOptions(delimiter="\t")),
        ('text/csv; delimiter="\\t"', TextOptions(delimiter="\t")),
        ('text/csv; delimiter="\t"', TextOptions(delimiter="\t")),
        ('text/csv; note="; header=absent"', UNSAID),
        ('text/csv; a.b="; header=absent"', UNSAID),
    ],
)
def test_a_content_type_says_how_its_text_is_written(content_type, options):
    assert options_of(content_type) == options


@pytest.mark.parametrize(
    ("parameter", "says"),
    [
        ("header=maybe", 'header: expected "present" or "absent", got "maybe"'),
        ("header=", 'header: expected "present" or "absent", got ""'),
        ("delimiter=", 'delimiter: expected "tab" or one ASCII character that is no letter'),
        ("delimiter=ab", 'got "ab"'),
        ("delimiter=1", 'got "1"'),
        ('delimiter="\\""', r'got "\\""'),
        ('delimiter="§"', r'got "\\u00a7"'),
        ("header=" + "x" * 500, 'got "' + "x" * 60 + '"$'),
    ],
)
def test_another_value_is_refused_with_what_is_expected(parameter, says):
    with pytest.raises(MalformedInput, match=says):
        options_of(f"text/csv; {parameter}")


@pytest.mark.parametrize(
    "name",
    [
        "klingon",
        "",
        "hex",
        "base64",
        "rot13",
        "utf-7",
        "idna",
        "unicode_escape",
        "aliases",
        "\ud800",
    ],
)
def test_an_unknown_charset_is_refused_by_name(name):
    with pytest.raises(UnsupportedType, match="send utf-8, utf-16, iso-8859-1") as raised:
        options_of(f"text/csv; charset={name}")
    assert f"charset {name!r} is not supported" in raised.value.message


def test_metadata_overrides_and_completes_a_blobs_content_type():
    content_type = "application/x; charset=latin-1; header=present; version=2"
    said = with_options("text/csv", content_type, {"header": "absent", "owner": "me"})
    assert said == 'text/csv; charset="latin-1"; header="absent"'
    assert options_of(said) == TextOptions("latin_1", header=False)


@pytest.mark.parametrize("delimiter", [";", "\\", "\\t", "tab", ",", '"', "%"])
def test_any_value_of_metadata_survives_the_content_type(delimiter):
    said = with_options("text/csv", "", {"delimiter": delimiter})
    if delimiter == '"':
        with pytest.raises(MalformedInput, match=r'got "\\""'):
            options_of(said)
    else:
        assert options_of(said).delimiter == {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)


def test_reading_a_long_content_type_takes_time_in_proportion():
    hostile = 'text/csv; header="' + " " * 20_000 + ";a=" * 20_000 + '\\"' * 20_000
    with pytest.raises(MalformedInput, match=r'header: .* got ""'):
        options_of(hostile)
