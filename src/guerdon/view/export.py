"""The page as one document: markup, style, scripts and, for a report, the data, under a policy that runs nothing else.

Idea
    ``page.html`` holds four comments: ``<!--policy-->``, ``<!--style-->``, ``<!--data-->`` and ``<!--scripts-->``. The
    content security policy names the hashes of exactly these texts, so that nothing a model wrote can run or style.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from guerdon.errors import GuerdonError

POLICY = (
    "default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; {connect}"
    "base-uri 'none'; form-action 'none'"
)


def document(data: dict[str, Any] | None = None) -> str:
    """The page; with ``data`` it needs no server.

    Raises:
        GuerdonError: if the page is not installed.
    """
    html, style, scripts = files()
    return join(html, style, scripts, data)


def files() -> tuple[str, str, list[str]]:
    """Markup, style and scripts of the page; scripts in the order of their names, ``page.js`` last."""
    folder = resources.files("guerdon.view")
    names = [each.name for each in folder.iterdir() if each.name.endswith(".js")]
    names.sort(key=lambda name: (name == "page.js", name))
    try:
        html, style = (folder.joinpath(name).read_text("utf-8") for name in ("page.html", "page.css"))
    except FileNotFoundError as error:
        raise GuerdonError(f"the page must be installed with guerdon, but {error.filename} is missing") from None
    return html, style, [folder.joinpath(name).read_text("utf-8") for name in names]


def join(html: str, style: str, scripts: Sequence[str], data: dict[str, Any] | None) -> str:
    """Put the parts into the places that the markup has for them."""
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(style, scripts, live=data is None)}">'
    embedded = "" if data is None else f'<script type="application/json" id="data">{as_json(data)}</script>'
    parts = {
        "policy": meta,
        "style": f"<style>{style}</style>",
        "data": embedded,
        "scripts": "".join(f"<script>{script}</script>" for script in scripts),
    }
    # Split before anything is filled in: no part may hold another's mark.
    out, rest = [], html
    for name, text in parts.items():
        before, mark, rest = rest.partition(f"<!--{name}-->")
        if not mark:
            raise GuerdonError(
                f"page.html must have <!--policy-->, <!--style-->, <!--data--> and <!--scripts--> in "
                f"this order, but <!--{name}--> is missing"
            )
        out += [before, text]
    return "".join([*out, rest])


def policy(style: str, scripts: Sequence[str], live: bool) -> str:
    """The content security policy of a document with exactly these texts."""
    return POLICY.format(
        scripts=" ".join(map(fingerprint, scripts)) or "'none'",
        styles=fingerprint(style),
        connect="connect-src 'self'; " if live else "",
    )


def fingerprint(text: str) -> str:
    """``'sha256-...'`` of an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def as_json(data: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


__all__ = ["document", "join", "policy"]
