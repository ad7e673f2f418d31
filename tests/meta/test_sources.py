"""Rules that every source file keeps: a test twin, a docstring, no torch at the door, public names that exist."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import guerdon

SOURCE = Path(guerdon.__file__).parent
TESTS = Path(__file__).parents[1]
FILES = sorted(path for path in SOURCE.rglob("*.py") if path.name != "__init__.py")

COVERED_BY = {
    "__main__.py": "cli/test_cli.py",
    "audit/examples.py": "audit/test_audit.py",
    "base.py": "meta/test_pieces.py",
    "errors.py": "cli/test_cli.py",
    "objective.py": "test_loop.py",
    "piece.py": "meta/test_pieces.py",
    "policies/hugging_face_tokenizer.py": "policies/test_hugging_face.py",
    "policies/language_model.py": "policies/test_tiny_lm.py",
    "policies/tokenizer.py": "policies/test_tiny_lm.py",
    "runs/atomic.py": "runs/test_checkpoint.py",
    "runs/facts.py": "runs/test_folder.py",
    "runs/markup.py": "runs/test_report.py",
    "runs/reading.py": "runs/test_folder.py",
    "runs/resume.py": "runs/test_folder.py",
    "runs/samples.py": "runs/test_report.py",
    "runs/signals.py": "runs/test_folder.py",
    "snapshots.py": "test_loop.py",
    "tasks/chain_length.py": "rollouts/test_tabular.py",
    "tasks/fork_sequences.py": "rollouts/test_tabular.py",
    "tasks/problem.py": "tasks/test_jsonl.py",
    "tasks/shared_features.py": "rollouts/test_tabular.py",
    "tasks/token_task.py": "rollouts/test_tabular.py",
    "update.py": "test_loop.py",
}
"""File without a test file of its own name -> the one that tests it, because it is only ever used through another."""
BY_FOLDER = {"commands": "cli", "papers": "meta"}
"""Folder -> where its files are tested: the commands by running them, the papers one by one in test_papers.py."""


def is_helper(path: Path) -> bool:
    """Whether a file holds no idea of its own: it is tested through the files beside it."""
    return path.stem.startswith("_") and path.stem != "__main__"


def twins(path: Path) -> list[Path]:
    """Test files of the file's own name."""
    inside = path.relative_to(SOURCE)
    folders = [TESTS.joinpath(*inside.parts[:-1])] if len(inside.parts) > 1 else [TESTS, TESTS / "cli"]
    names = (f"test_{path.stem}.py", f"test_{path.stem}_*.py")
    return [found for folder in folders for name in names for found in folder.glob(name)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_file_has_a_test_twin(path):
    name = str(path.relative_to(SOURCE))
    if not is_helper(path) and name.partition("/")[0] not in BY_FOLDER and name not in COVERED_BY:
        assert twins(path), f"write tests/{name.rpartition('/')[0]}/test_{path.stem}.py".replace("//", "/")


def test_the_exceptions_are_still_needed_and_their_tests_exist():
    for name, covering in COVERED_BY.items():
        assert (SOURCE / name).exists() and not twins(SOURCE / name), f"{name} needs no exception any more"
        assert (TESTS / covering).exists(), covering
    for folder, tests in BY_FOLDER.items():
        assert (SOURCE / folder).is_dir() and (TESTS / tests).is_dir()


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


HEAVY = ("transformers", "tokenizers", "tyro", "rich", "pyarrow", "pandas", "gymnasium", "scipy", "peft", "vllm")


def test_the_door_opens_without_the_libraries_that_only_some_pieces_need():
    code = f"from guerdon import *; import sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["papers", "list"], ["papers", "list", "--json"]])
def test_commands_that_only_tell_import_no_torch(words):
    code = f"from guerdon.cli import main; main({words}); import sys; print('torch' in sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "False\n" and done.stdout


def test_importing_guerdon_imports_no_torch():
    light = "import guerdon, guerdon.cli, guerdon.catalogue, guerdon.errors, guerdon.serial, guerdon.claims, sys"
    done = subprocess.run(
        [sys.executable, "-c", f"{light}; print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("False\n", "")
