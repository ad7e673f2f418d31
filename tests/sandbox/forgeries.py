"""Programs that try to pass tests other than by being right. Each is said what it does; `f` is what is tested."""

LINES = r"0 pass\n1 pass\n2 pass\n3 pass\ndone\n"
TO_EVERY_FILE = """
import os
def f(x):
    while True:
        for fd in range(3, 64):
            try: os.write(fd, TEXT)
            except OSError: pass
        if ONCE: return 0
"""

FORGERIES = {
    "prints the judge's lines": f"print('{LINES}')\ndef f(x):\n    print('{LINES}')",
    "leaves early": "import sys\nsys.exit(0)",
    "leaves early, hard": "import os\nos._exit(0)",
    "leaves when asked": "import os\ndef f(x): os._exit(0)",
    "leaves when asked, softly": "def f(x): raise SystemExit(0)",
    "equals everything": """
class E(int):
    def __eq__(self, other): return True
    __hash__ = None
def f(x): return E(0)
""",
    "equals everything, not a number": """
class E:
    def __eq__(self, other): return True
def f(x): return E()
""",
    "ends the tests' loops": "def f(x): raise StopIteration",
    "interrupts": "def f(x): raise KeyboardInterrupt",
    "patches builtins": """
import builtins
builtins.all = builtins.any = lambda *a: True
builtins.AssertionError = type('A', (), {})
builtins.__build_class__ = builtins.exec = builtins.compile = lambda *a, **k: None
def f(x): return 0
""",
    "patches the harness": """
import sys
frame = sys._getframe()
while frame:
    if 'say' in frame.f_locals: frame.f_locals['say']('0 pass')
    for name in ('judge', 'Program', 'unpack', 'explain'): frame.f_globals[name] = lambda *a, **k: True
    frame = frame.f_back
def f(x): return 0
""",
    "writes lines to every open file": f"TEXT, ONCE = b'{LINES}', True" + TO_EVERY_FILE,
    "writes garbage to every open file": r"TEXT, ONCE = b'[]\n\"error\"\n', True" + TO_EVERY_FILE,
    "answers without end": "TEXT, ONCE = b'x' * 60000, False" + TO_EVERY_FILE,
    "writes to the judge's files": f"""
import os
for pid in (os.getppid(), 1):
    for fd in range(16):
        try: open(f'/proc/{{pid}}/fd/{{fd}}', 'w').write('{LINES}')
        except OSError: pass
def f(x): return 0
""",
    "kills the judge": "import os\nos.kill(os.getppid(), 9)\ndef f(x): return 0",
    "hangs": "def f(x):\n    while True: pass",
    "hangs at once": "while True: pass",
    "does not parse": "def f(:",
    "defines nothing": "",
    "is deep": "def f(x):\n    v = ()\n    for _ in range(100_000): v = (v,)\n    return v",
    "is endless": "import itertools\ndef f(x): return itertools.count()",
}
