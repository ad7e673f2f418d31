from html.parser import HTMLParser

from guerdon.runs.markup import element, escape, page

ATTACKS = [
    "<script>document.title='owned'</script>",
    "</span></div><img src=x onerror=\"document.title='owned'\">",
    '" onmouseover="document.title=\'owned\'" x="',
    "$title ${content} {{7*7}} &lt;script&gt;",
    "\u202eevil\u202c \x00\x1b[2J \ud800",
]


class Tags(HTMLParser):
    """Tags, attributes and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


def test_escaping():
    assert escape("a<b>&\"'") == "a&lt;b&gt;&amp;&quot;&#x27;"
    assert escape("\x07\u2066\ufeff\n\t") == "\u2407[U+2066][U+FEFF]\n\t"
    assert element("p", "<b>", title='"', class_="x", lang=None) == '<p title="&quot;" class="x"><b></p>'


def test_nothing_in_a_page_is_markup_but_ours():
    for attack in ATTACKS:
        text = page(attack, element("p", escape(attack), title=attack))
        found = Tags(text)
        names = [tag for tag, _ in found.tags]
        assert not {"script", "img", "iframe", "link", "svg"} & set(names) and names.count("style") == 1
        assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
        assert "default-src 'none'" in text and "script-src" not in text
        assert "\u202e" not in text and "\x00" not in text
    assert "[U+202E]evil[U+202C] \u2400\u241b[2J \ufffd" in text and ATTACKS[0] in "".join(
        Tags(page("", escape(ATTACKS[0]))).texts
    )
