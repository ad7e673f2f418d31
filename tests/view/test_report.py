import json
import re

import pytest
from fake_runs import fake_run, text_batch

from guerdon.errors import GuerdonError
from guerdon.view import export
from guerdon.view.report import Written, write

HTML = "<!--policy--><!--style--><!--data--><!--scripts-->"


def test_one_file_with_the_data_inside(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "files", lambda: (HTML, "", ["run()"]))
    run = fake_run(tmp_path / "a", {1: text_batch(4, 1, 0)})
    found = write([run], rollouts=16)
    assert found.path == run / "report.html" and (found.rollouts, found.stored) == (16, 32)
    page = found.path.read_text(encoding="utf-8")
    assert found.bytes == len(page.encode())
    embedded = re.search(r'id="data">(.*?)</script>', page)
    assert embedded and len(json.loads(embedded.group(1))["rollouts"]) == 16
    assert write([run], tmp_path / "b.html", 0).path == tmp_path / "b.html"
    with pytest.raises(GuerdonError, match="at least one run folder, got none"):
        write([])


def test_its_size_in_words(tmp_path):
    assert Written(tmp_path, 3 << 19, 400, 12_000).sentence() == f"{tmp_path}: 1.5 MiB, 400 of 12,000 rollouts"
    assert Written(tmp_path, 2048, 1, 1).sentence() == f"{tmp_path}: 2 KiB, 1 of 1 rollouts"
