"""The verdict is the judge's: programs that forge, escape or spy do not pass."""

import pytest
from forgeries import FORGERIES

from guerdon.errors import GuerdonError
from guerdon.sandbox import Limits, Sandbox, isolation
from guerdon.sandbox.verdict import Verdict, call_tests, pair_tests, take_apart

WHY = isolation().why
LEVELS = [
    pytest.param("bubblewrap", marks=pytest.mark.skipif(bool(WHY), reason=f"needs bubblewrap: {WHY}")),
    "limits",
]
CHECK = """
METADATA = {}
def check(candidate):
    '''Tests.'''
    assert candidate(1) == 2
    x = 41
    assert candidate(x) == 42, 'wrong'
    for i in range(3):
        assert candidate(i) == i + 1
    assert list(map(candidate, [1, 2])) == [2, 3]
"""
HONEST = "def f(x): return x + 1"


def box(level, **limits):
    return Sandbox(Limits(**{"seconds": 5, "memory_mb": 512, **limits}), level)


@pytest.mark.parametrize("level", LEVELS)
class TestBothLevels:
    def test_a_right_program_passes(self, level):
        assert call_tests(box(level), HONEST, CHECK, "f") == Verdict(4, 4)
        assert call_tests(box(level), HONEST, "assert f(1) == 2\nassert f(2) == 3") == Verdict(2, 2)
        method = "class Solution:\n    def f(self, x): return x + 1"
        assert call_tests(box(level), method, CHECK, "Solution().f") == Verdict(4, 4)

    @pytest.mark.parametrize("program", FORGERIES.values(), ids=FORGERIES)
    def test_forgeries_pass_nothing(self, level, program):
        verdict = call_tests(box(level, seconds=0.4), program, CHECK, "f")
        assert (verdict.passed, verdict.total) == (0, 4) and verdict.reason

    def test_the_tests_cannot_be_read(self, level):
        program = (
            "import gc, os, sys\n"
            "def f(x):\n"
            "    seen = []\n"
            "    judge = f'/proc/{os.getppid()}'\n"
            "    for path in ('/proc/self/mem', f'{judge}/mem', f'{judge}/fd/0', '/dev/stdin', '.stdin'):\n"
            "        try: seen.append(open(path, 'rb').read())\n"
            "        except (OSError, ValueError): pass\n"
            "    seen += [repr(o) for o in gc.get_objects() if isinstance(o, (dict, list, tuple))]\n"
            "    seen += [repr(frame.f_globals) for frame in sys._current_frames().values()]\n"
            "    return 'expected-valu' + chr(100 + x) in str(seen) or len(seen)\n"
        )
        verdict = call_tests(box(level), program, "assert f(1) is not True\nassert f(1) != 'expected-value'")
        assert verdict == Verdict(2, 2)

    def test_modules_in_the_folder_are_not_the_judges(self, level):
        program = "open('random.py', 'w').write('def random(): return 7')\ndef f(): return {'a', 'b', 'c', 'd'}"
        tests = "import random\nassert f() and random.random() < 1\nassert list(f()) == list(f())"
        assert call_tests(box(level), program, tests) == Verdict(2, 2)

    def test_partial_credit_and_the_first_failure(self, level):
        wrong = "def f(x): return x + 1 if x < 41 else 0"
        assert call_tests(box(level), wrong, CHECK, "f") == Verdict(3, 4, "test 1: AssertionError wrong")
        assert call_tests(box(level), wrong, CHECK, "f", all_or_nothing=True).passed == 1
        late = "def f(x):\n    while x == 41: pass\n    return x + 1"
        assert call_tests(box(level, seconds=0.7), late, CHECK, "f") == Verdict(1, 4, "it ran longer than 0.7 s")

    def test_what_crosses(self, level):
        program = """
import collections, re
def same(x): return x
def views(): return {1: 2}.keys(), {1: 2}.values(), {1: 2}.items(), (c for c in "ab")
def rotate(m): m[:] = [list(row) for row in zip(*m)]
def search(x): return re.search("a", x)
def adder(n): return lambda x: x + n
def bad(): raise type("Own", (ValueError,), {})("because")
class Cache:
    size = 2
    def get(self, x): return [x]
class Node:
    def __init__(self, val, next=None): self.val, self.next = val, next
def chain(node):
    node.next = Node(9)
    return node
def long(n):
    node = None
    for i in range(n): node = Node(i, node)
    return node
"""
        setup = "class Node:\n    def __init__(self, val, next=None): self.val, self.next = val, next"
        tests = """
import collections
values = [1, -0.5, float('inf'), 'ä\\n\\ud800', None, True, (1, (2,)), {1, 2}, frozenset([1]), {(1, 2): [3]}, b'x',
          bytearray(b'y'), 1j, range(3), 10**5000, collections.Counter('aab'), collections.OrderedDict(a=1)]
for value in values:
    assert same(value) == value and type(same(value)) is type(value)
assert [sorted(part) for part in views()] == [[1], [2], [(1, 2)], ['a', 'b']]
assert views()[0] == {1}
matrix = [[1, 2], [3, 4]]
rotate(matrix)
assert matrix == [[1, 3], [2, 4]]
assert search('a') and not search('b')
assert adder(2)(3) == 5
cache = Cache()
assert cache.get(1) == [1] and cache.size == 2 and same(cache).get(2) == [2]
assert chain(Node(1)).next.val == 9
assert long(5000).next.val == 4998
loop = [1]
loop.append(loop)
assert same(loop)[1][1][0] == 1
try:
    bad()
except ValueError as error:
    assert 'because' in str(error)
"""
        assert call_tests(box(level), program, tests, setup=setup) == Verdict(11, 11)

    def test_what_does_not_cross(self, level):
        tests = "assert f(lambda: 1) is None"
        reason = "test 0: Unreadable tests cannot hand over a function"
        assert call_tests(box(level), "def f(x): return None", tests) == Verdict(0, 1, reason)
        double = "class Double:\n    def __eq__(self, other): return True"
        assert call_tests(box(level), f"{double}\ndef f(): return Double()", "assert f() == 3").passed == 0

    def test_the_tests_own_functions_stay_theirs(self, level):
        program = "def f(x): return 0\ndef close(a, b): return True\ndef sorted(x): return []"
        tests = "def close(a, b): return abs(a - b) < 1\nassert close(f(1), 5)\nassert sorted([f(1)]) == []"
        assert call_tests(box(level), program, tests).passed == 0

    def test_pairs_of_input_and_output(self, level):
        program = "print(int(input()) * 2, ' ')"
        assert pair_tests(box(level), program, [("2", "4\n"), ("3", "6"), ("4", "9")]) == Verdict(
            2, 3, "test 2: another output"
        )
        failing = "print(4)\nraise SystemExit(1)"
        assert pair_tests(box(level), failing, [("2", "4")], True) == Verdict(0, 1, "test 0: exit code 1")
        slow = "import time\ntime.sleep(0.3)"
        assert pair_tests(box(level, seconds=0.8), slow, [("", "")] * 9).passed in (0, 1, 2)
        assert "ran longer" in pair_tests(box(level, seconds=0.3), "while True: pass", [("", "")]).reason


def test_tests_are_taken_apart():
    found = take_apart(CHECK)
    assert (found.total, len(found.steps), found.names, found.setup) == (4, 5, (), "METADATA = {}")
    found = take_apart("import math\nfrom a import b as c\ndef own(x): return x\nassert math.isclose(own(f(c)), g(1))")
    assert (found.total, found.names) == (1, ("f", "g"))
    assert take_apart("def check(candidate):\n    assert check(70) == False").names == ("check",)
    for code, message in {"x = 1": "must assert something", "def": "must be Python"}.items():
        with pytest.raises(GuerdonError, match=message):
            take_apart(code)
    with pytest.raises(GuerdonError, match="at least one pair"):
        pair_tests(Sandbox(isolation="limits"), "", [])
