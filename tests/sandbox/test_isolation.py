import os
import struct
import sys

import pytest

from guerdon.errors import GuerdonError
from guerdon.sandbox import Sandbox, isolation
from guerdon.sandbox._seccomp import filter_program


def test_a_level_says_what_it_leaves_open():
    best, least = isolation(), isolation("limits")
    assert best.name in ("bubblewrap", "limits") and bool(best.why) == (best.name == "limits")
    assert least.name == "limits" and least.why == "asked for"
    for level in (best, least):
        assert level.leaves_open.startswith("It does not protect") and level.leaves_open.endswith(".")
    with pytest.raises(GuerdonError, match="must be 'auto', 'bubblewrap' or 'limits', got 'jail'"):
        Sandbox(isolation="jail")


def test_without_bwrap_it_falls_back_and_says_why(monkeypatch, tmp_path):
    module = sys.modules["guerdon.sandbox.isolation"]
    monkeypatch.setenv("PATH", str(tmp_path))
    module._trial.cache_clear()
    try:
        level = isolation()
        assert (level.name, level.why) == ("limits", "there is no bwrap; install the package bubblewrap")
        assert Sandbox().run("print(1)").isolation == "limits"
        with pytest.raises(GuerdonError, match="'bubblewrap' must work on this machine, but there is no bwrap"):
            Sandbox(isolation="bubblewrap")
        (tmp_path / "bwrap").write_text("#!/bin/sh\necho no namespaces >&2\nexit 1\n")
        (tmp_path / "bwrap").chmod(0o755)
        module._trial.cache_clear()
        assert isolation().why == "bwrap failed: no namespaces"
    finally:
        module._trial.cache_clear()


def run_filter(machine, architecture, number, argument=0):
    """What the filter says of a call: an interpreter for the few instructions that it uses."""
    program, data = filter_program(machine), {0: number, 4: architecture, 16: argument}
    steps = [struct.unpack("=HBBI", program[at : at + 8]) for at in range(0, len(program), 8)]
    at = value = 0
    while True:
        code, yes, no, operand = steps[at]
        at += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            value = data[operand]
        else:
            test = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += yes if test else no


@pytest.mark.parametrize(
    ("machine", "architecture", "read", "clone", "unshare"),
    [("x86_64", 0xC000003E, 0, 56, 272), ("aarch64", 0xC00000B7, 63, 220, 97)],
)
def test_the_filter_refuses_what_it_should_and_nothing_else(machine, architecture, read, clone, unshare):
    allow, refuse, missing, kill = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
    assert run_filter(machine, architecture, read) == allow
    assert run_filter(machine, architecture, unshare) == refuse
    assert run_filter(machine, architecture, clone, 0x11) == allow
    assert run_filter(machine, architecture, clone, 0x10000011) == refuse
    assert run_filter(machine, architecture, 435) == missing
    assert run_filter(machine, architecture, read | 0x40000000) == refuse
    assert run_filter(machine, 3, read) == kill
    assert filter_program("riscv64") == b""


def test_an_interpreter_is_shown_and_no_more(tmp_path):
    base, venv, home = tmp_path / "base", tmp_path / "venv", tmp_path / "home"
    for folder in (base / "bin", base / "lib", venv / "bin", home / "bin"):
        folder.mkdir(parents=True)
    (base / "bin" / "python3").write_text("")
    (home / "bin" / "py").symlink_to(base / "bin" / "python3")
    (venv / "bin" / "python").symlink_to(home / "bin" / "py")
    (venv / "pyvenv.cfg").write_text("")
    folders, links = module_interpreter(str(venv / "bin" / "python"))
    assert f"{venv}/pyvenv.cfg" in folders and f"{base}/lib" in folders
    assert links == [(str(base / "bin" / "python3"), str(home / "bin" / "py"))]
    assert not [path for path in folders if path in (str(home), str(base), str(venv)) or path.startswith(str(home))]


def module_interpreter(python):
    return sys.modules["guerdon.sandbox.isolation"].interpreter(python)


@pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists("/usr/bin/python3"), reason="needs root and a Python in /usr"
)
def test_a_closed_interpreter_is_replaced_or_refused(tmp_path, monkeypatch):
    module = sys.modules["guerdon.sandbox.isolation"]
    tmp_path.chmod(0o700)
    closed = tmp_path / "bin" / "python3"
    closed.parent.mkdir()
    closed.symlink_to("/usr/bin/python3")
    assert module.open_to_all("/usr/bin/python3") and not module.open_to_all(str(closed))
    assert module.python_without_rights(str(closed)) == "/usr/bin/python3"
    monkeypatch.setattr(module, "open_to_all", lambda python: False)
    with pytest.raises(GuerdonError, match="a user without rights must be able to run"):
        module.python_without_rights(str(closed))
