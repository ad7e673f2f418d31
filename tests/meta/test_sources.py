"""Rules that every source file keeps: a docstring, no torch at the door, public names that exist."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import guerdon

SOURCE = Path(guerdon.__file__).parent
FILES = sorted(path for path in SOURCE.rglob("*.py") if path.name != "__init__.py")


def test_files_are_short_and_say_what_they_are():
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), path
        assert text.count("\n") <= 400, path


def test_the_door_shows_what_it_says():
    assert sorted(guerdon.__all__) == guerdon.__all__ and len(guerdon.__all__) <= 15
    for name in guerdon.__all__:
        assert getattr(guerdon, name).__name__ == name
    with pytest.raises(AttributeError, match="module 'guerdon' has no attribute 'Recip'; it has Batch"):
        guerdon.Recip  # noqa: B018


def test_folders_export_only_what_their_files_define():
    for path in SOURCE.rglob("*/__init__.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom):
                assert node.module and all(alias.asname == alias.name for alias in node.names), path


def test_importing_guerdon_imports_no_torch():
    light = "import guerdon, guerdon.cli, guerdon.catalogue, guerdon.errors, guerdon.serial, guerdon.claims, sys"
    done = subprocess.run(
        [sys.executable, "-c", f"{light}; print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("False\n", "")
