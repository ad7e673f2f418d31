"""Untrusted text as HTML: what a model wrote is shown, never run, and cannot hide."""

import html
from importlib import resources
from string import Template

HIDDEN = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"},
    0x7F: "\u2421",
    **{
        code: f"[U+{code:04X}]"
        for code in (0x200B, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
    },
    **{code: "\ufffd" for code in range(0xD800, 0xE000)},
}
"""Characters without a shape of their own, or that reorder their neighbours -> what is shown instead."""


def escape(text: object) -> str:
    """Text for an element or a quoted attribute; controls, bidirectional overrides and the like become visible."""
    return html.escape(str(text).translate(HIDDEN), quote=True)


def element(tag: str, content: str, **attributes: object) -> str:
    """``<tag name="value">content</tag>``; ``content`` is HTML, attributes are escaped, ``class_`` means class."""
    names = "".join(f' {name.rstrip("_")}="{escape(value)}"' for name, value in attributes.items() if value is not None)
    return f"<{tag}{names}>{content}</{tag}>"


def page(title: str, content: str) -> str:
    """A whole page in the style of the reports; ``title`` is text, ``content`` is HTML."""
    template = Template(resources.files("guerdon.runs").joinpath("report.html").read_text(encoding="utf-8"))
    return template.substitute(title=escape(title), content=content)


__all__ = ["element", "escape", "page"]
