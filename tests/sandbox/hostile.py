"""Programs that attack, by what they try. Each prints what it has got; most must get nothing."""

FORK_BOMB = """
import os, time
made = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        made += 1
except OSError:
    print(made)
"""
MEMORY_BOMB = """
held = []
while True:
    held.append(bytearray(1 << 24))
"""
BURN = """
import signal
for number in range(1, signal.NSIG):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
"""
FLOOD = """
import sys
while True:
    sys.stdout.write("x" * 100_000)
"""
SILENT_FLOOD = """
import os
if os.fork() == 0:
    while True:
        os.write(2, b"x" * 4096)
"""
HUGE_FILE = """
import os
try:
    with open("big", "wb") as file:
        while True:
            file.write(bytes(1 << 20))
except OSError as error:
    print(os.path.getsize("big") >> 20, error.errno)
"""
MANY_FILES = """
total = 0
try:
    for number in range(1000):
        with open(f"{number}", "wb") as file:
            file.write(bytes(1 << 20))
            total += 1
except OSError as error:
    print(total, error.errno)
"""
READ = """
import sys
for path in sys.stdin.read().split():
    try:
        with open(path, "rb") as file:
            print("got", path, file.read(60))
    except OSError:
        try:
            import os
            print("got", path, os.listdir(path)[:3])
        except OSError:
            pass
"""
WRITE = """
import os, sys
for path in sys.stdin.read().split():
    try:
        with open(os.path.join(path, "left-behind"), "w") as file:
            print("got", path)
    except OSError:
        pass
"""
CONNECT = """
import socket, sys
try:
    with socket.create_connection(("127.0.0.1", int(sys.stdin.read())), timeout=2) as connection:
        print("got", connection.recv(10))
except OSError as error:
    print(error)
"""
SIGNAL = """
import os, signal, sys
for pid in map(int, sys.stdin.read().split()):
    for target in (pid, os.getppid()):
        try:
            os.kill(target, signal.SIGKILL)
            print("sent", target)
        except OSError:
            pass
print("alive")
"""
DAEMON = """
import os, sys, time
marker = sys.stdin.read()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in (0, 1, 2):
            os.close(fd)
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)", marker])
    os._exit(0)
os.wait()
time.sleep(0.1)
print("daemon left")
"""
DAEMON_AND_HANG = DAEMON + "\nwhile True: pass"
KILL_KEEPER = """
import os, signal
os.kill(os.getppid(), signal.SIGKILL)
print("alive")
"""
INHERITED = """
import os
print(sorted(os.environ))
print(sorted(int(name) for name in os.listdir("/proc/self/fd")))
print(os.getcwd(), os.listdir("."))
"""
SYMLINKS = """
import os, sys
target = sys.stdin.read()
os.symlink(target, "link")
os.symlink("/", "root")
here = os.getcwd()
try:
    os.rename(here, here + "-moved")
    os.symlink(target, here)
    print("moved")
except OSError:
    print("stays")
"""
DEEP = """
import os
os.makedirs("closed/inside")
open("closed/inside/file", "w").close()
os.chmod("closed/inside", 0)
os.chmod("closed", 0)
for _ in range(3000):
    os.mkdir("d")
    os.chdir("d")
for _ in range(3000):
    os.chdir("..")
os.chmod(".", 0)
"""
PRIVILEGES = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
calls = {
    "setuid": lambda: libc.setuid(0),
    "mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None),
    "memfd": lambda: libc.memfd_create(b"x", 0),
    "shared memory": lambda: libc.shmget(0, 1 << 20, 0o1600),
    "trace": lambda: libc.ptrace(16, os.getppid(), 0, 0),
    "chroot": lambda: libc.chroot(b"."),
    "user namespace": lambda: libc.unshare(0x10000000),  # last, because it gives the others
}
print([name for name, call in calls.items() if call() >= 0])
"""
KEEPER_SECRETS = """
import os
got = []
for name in ("environ", "mem", "fd", "maps", "cwd", "fdinfo", "fd/1"):
    path = f"/proc/{os.getppid()}/{name}"
    try:
        os.listdir(path) if name in ("fd", "fdinfo") else os.readlink(path) if name == "cwd" else open(path).read()
        got.append(name)
    except OSError:
        pass
print(got)
"""
