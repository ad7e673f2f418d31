import json
import re

import pytest

from guerdon.errors import GuerdonError
from guerdon.view import export
from guerdon.view.export import as_json, fingerprint, join, policy

HTML = "<html><!--policy--><!--style--><body><!--data--><!--scripts--></body></html>"


def test_the_policy_names_exactly_our_scripts_and_our_style():
    page = join(HTML, "b{}", ["one()", "two()"], None)
    for text in ("b{}", "one()", "two()"):
        assert fingerprint(text) in page
    assert "<style>b{}</style>" in page and "<script>one()</script><script>two()</script>" in page
    assert "connect-src 'self'" in page and "unsafe" not in page and "default-src 'none'" in page
    # The value that `printf 'one()' | openssl dgst -sha256 -binary | base64` gives.
    assert fingerprint("one()") == "'sha256-HR7iaask9daLMRRskMI++QeJtjWDOjyPA6lGzYGzKW4='"
    assert "script-src 'none'" in policy("", [], live=False)


def test_a_document_with_data_asks_nobody():
    data = {"text": "</script><script>alert(1)</script><!--scripts--><!--data--> & \u2028 \ud800"}
    page = join(HTML, "", ["run()"], data)
    assert "connect-src" not in page and page.count("<script") == 2 and page.count("</script>") == 2
    embedded = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    assert embedded and json.loads(embedded.group(1)) == data
    page.encode()


def test_data_never_hold_an_angle_bracket():
    text = as_json({"<k>": ["<", ">", "&", "\u2029"]})
    assert not set("<>&") & set(text) and text.isascii() and json.loads(text) == {"<k>": ["<", ">", "&", "\u2029"]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json(float("nan"))


def test_a_page_without_a_place_is_refused():
    with pytest.raises(GuerdonError, match=r"<!--data--> is missing"):
        join(HTML.replace("<!--data-->", ""), "", [], None)


def test_the_document_is_made_of_the_packaged_files(monkeypatch):
    monkeypatch.setattr(export, "files", lambda: (HTML, "b{}", ["one()"]))
    assert export.document() == join(HTML, "b{}", ["one()"], None)
    assert export.document({"a": 1}) == join(HTML, "b{}", ["one()"], {"a": 1})
