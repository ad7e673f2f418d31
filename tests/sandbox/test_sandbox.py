"""Attacks on the sandbox, at both levels; what only namespaces can stop is asked of bubblewrap only."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import hostile
import pytest

from guerdon.errors import GuerdonError
from guerdon.sandbox import Limits, Sandbox, isolation

ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).parents[2]
WHY = isolation().why
needs_bubblewrap = pytest.mark.skipif(bool(WHY), reason=f"needs bubblewrap: {WHY}")
LEVELS = [pytest.param("bubblewrap", marks=needs_bubblewrap), "limits"]
TIGHT = Limits(seconds=5, cpu_seconds=5, memory_mb=256, file_mb=4, processes=5, output_kb=64)


def sandbox(level, **limits):
    return Sandbox(Limits(**{**vars(TIGHT), **limits}), level)


def run(level, program, stdin="", **limits):
    return sandbox(level, **limits).run(program, stdin=stdin)


def processes_with(marker):
    """Processes on this machine whose command line holds the marker, zombies aside."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes():
                found.append(path)
        except OSError:
            pass
    return found


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left_over(tmp_path_factory):
    tmp_path_factory.getbasetemp()  # pytest's own folder stays where it is
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # some disks take milliseconds to remove a folder
    with tempfile.TemporaryDirectory(dir=memory) as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder).chmod(0o711)
        patch.setattr(tempfile, "tempdir", folder)
        yield
        assert not list(Path(folder).glob("guerdon-sandbox-*"))


@pytest.mark.parametrize("level", LEVELS)
class TestBothLevels:
    def test_a_program_runs_and_its_end_is_told(self, level):
        done = run(level, "import sys; print(sys.stdin.read()); sys.exit(3)", stdin="grüße\n")
        assert (done.code, done.stdout, done.stderr, done.reason) == (3, "grüße\n\n", "", "")
        assert done.isolation == level and not done.ok and 0 < done.seconds < 5
        assert run(level, "import os, signal; os.kill(os.getpid(), signal.SIGTERM)").code == -15
        assert sandbox(level).run(["sh", "-c", "cat data/x; pwd >&2"], files={"data/x": b"1"}).stdout == "1"

    def test_what_cannot_start_is_an_error(self, level):
        with pytest.raises(GuerdonError, match="the program must start, got FileNotFoundError: no command 'nonesuch'"):
            sandbox(level).run(["nonesuch"])
        for name in ("/etc/x", "../x", "a/../../x", "", ".stdin"):
            with pytest.raises(GuerdonError, match="files must have names inside of the working folder"):
                sandbox(level).run("pass", files={name: b""})

    def test_fork_bomb(self, level):
        done = run(level, hostile.FORK_BOMB)
        assert done.ok and int(done.stdout) <= TIGHT.processes

    def test_memory_bomb(self, level):
        done = run(level, hostile.MEMORY_BOMB)
        assert done.code == 1 and "MemoryError" in done.stderr

    def test_infinite_loop(self, level):
        done = run(level, "import time\nwhile True: time.sleep(1)", seconds=0.3)
        assert (done.code, done.reason) == (-9, "it ran longer than 0.3 s") and done.seconds < 3

    def test_processor_time_with_signals_ignored(self, level):
        done = run(level, hostile.BURN, cpu_seconds=1, seconds=30)
        assert (done.code, done.reason) == (-9, "it used more than 1 s of processor time")

    @pytest.mark.parametrize("program", [hostile.FLOOD, hostile.SILENT_FLOOD], ids=["stdout", "left behind"])
    def test_output_flood(self, level, program):
        done = run(level, program)
        if program is hostile.FLOOD or done.reason:
            assert done.reason == "it printed more than 64 KiB"
        assert len(done.stdout) + len(done.stderr) <= 2 * 64 << 10

    def test_huge_file(self, level):
        assert run(level, hostile.HUGE_FILE).stdout.split()[0] in ("3", "4")

    def test_open_files(self, level):
        done = run(level, "held = [open('/dev/null') for _ in range(100)]")
        assert "Too many open files" in done.stderr

    @pytest.mark.parametrize("program", [hostile.DAEMON, hostile.DAEMON_AND_HANG], ids=["ends", "hangs"])
    def test_a_daemon_does_not_outlive_its_program(self, level, program):
        marker = f"marker-{os.getpid()}-{time.monotonic_ns()}"
        done = run(level, program, stdin=marker, seconds=0.8)
        assert done.reason or done.stdout == "daemon left\n"
        until = time.monotonic() + 3
        while processes_with(marker) and time.monotonic() < until:
            time.sleep(0.01)
        assert not processes_with(marker)

    def test_nothing_is_inherited(self, level, monkeypatch):
        monkeypatch.setenv("API_KEY", "secret")
        with open("/dev/null") as file:
            os.set_inheritable(file.fileno(), True)
            environment, fds, folder = run(level, hostile.INHERITED).stdout.splitlines()
        assert "API_KEY" not in environment and "PATH" in environment
        assert fds == "[0, 1, 2, 3]"  # 3 is the listing itself
        assert folder.endswith("['program.py']")

    def test_secrets_of_the_keeper(self, level):
        assert run(level, hostile.KEEPER_SECRETS).stdout == "[]\n"

    def test_killing_the_keeper(self, level):
        done = run(level, hostile.KILL_KEEPER)
        if level == "limits" and not ROOT:
            assert (done.code, done.reason) == (-9, "it killed its keeper")
        else:
            assert "alive" in done.stdout or "PermissionError" in done.stderr

    def test_links_and_traps_in_the_folder(self, level, tmp_path):
        precious = tmp_path / "precious"
        precious.mkdir(mode=0o777)
        (precious / "file").write_text("kept")
        run(level, hostile.SYMLINKS, stdin=str(precious))
        assert (precious / "file").read_text() == "kept"
        run(level, hostile.DEEP)

    def test_privileges_cannot_be_regained(self, level):
        got = run(level, hostile.PRIVILEGES).stdout
        assert "setuid" not in got and "mount" not in got and "chroot" not in got and "trace" not in got
        if level == "bubblewrap":
            assert got == "[]\n"

    def test_its_user_is_nobody_of_this_machine(self, level):
        if ROOT:
            assert int(run(level, "import os; print(os.getuid())").stdout) > 10_000

    def test_runs_in_threads_do_not_disturb_each_other(self, level):
        results = {}

        def work(number):
            results[number] = run(level, f"print({number})").stdout

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == {number: f"{number}\n" for number in range(6)}


SECRETS = ["/etc/shadow", "/etc/passwd", str(Path.home()), str(REPOSITORY), __file__, f"/proc/{os.getpid()}/environ"]


@needs_bubblewrap
class TestBubblewrapOnly:
    def test_reading_outside(self):
        paths = [*SECRETS, "/tmp/../etc/hostname", "/proc/1/environ", "/proc/1/root", "/root", "/home", "/var", "/run"]
        prefix = Path(sys.prefix)
        got = run("bubblewrap", hostile.READ, stdin="\n".join(paths)).stdout.splitlines()
        # Folders above the interpreter have to exist, and hold nothing but the way to it.
        above = {str(folder) for path in (prefix, Path(sys.base_prefix)) for folder in path.parents}
        assert not [line for line in got if line.split()[1] not in above]
        for line in got:
            assert "[" in line and line.count("'") <= 2

    def test_writing_outside(self):
        paths = [
            "/",
            "/etc",
            "/usr",
            "/usr/lib",
            "/dev",
            "/dev/shm",
            "/proc",
            "/proc/sys/kernel",
            "/root",
            sys.prefix,
            "/run",
        ]
        assert run("bubblewrap", hostile.WRITE, stdin="\n".join(paths)).stdout == ""
        assert run("bubblewrap", hostile.WRITE, stdin="/tmp .").stdout == "got /tmp\ngot .\n"
        assert not Path("/tmp/left-behind").exists()

    def test_many_files(self):
        total, error = run("bubblewrap", hostile.MANY_FILES).stdout.split()
        assert int(total) <= TIGHT.file_mb and int(error) == 28

    def test_the_folder_is_gone_afterwards(self):
        run("bubblewrap", "open('x', 'w').write('1')")
        assert run("bubblewrap", "import os; print(os.listdir('.'))").stdout == "['program.py']\n"

    def test_network(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            threading.Thread(target=answer_once, args=(server,), daemon=True).start()
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                assert connection.recv(10) == b"hello"  # so the server answers who can reach it
            assert "got" not in run("bubblewrap", hostile.CONNECT, stdin=str(port)).stdout

    def test_signals_reach_nobody(self):
        victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        try:
            done = run("bubblewrap", hostile.SIGNAL, stdin=f"{victim.pid} {os.getpid()}")
            assert done.stdout.endswith("alive\n")
            assert f"sent {victim.pid}\n" not in done.stdout and victim.poll() is None
        finally:
            victim.kill()
            victim.wait()

    def test_extra_folders_are_shown_read_only(self, tmp_path):
        (tmp_path / "data").write_text("shown")
        tmp_path.chmod(0o755)
        shown = Sandbox(TIGHT, "bubblewrap", readable=(str(tmp_path),))
        assert "shown" in shown.run(hostile.READ, stdin=f"{tmp_path}/data").stdout
        assert shown.run(hostile.WRITE, stdin=str(tmp_path)).stdout == ""


def answer_once(server):
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"hello")


class TestLimitsOnly:
    def test_processor_time(self):
        done = run("limits", "while True: pass", cpu_seconds=1, seconds=30)
        assert (done.code, done.reason) == (-signal.SIGXCPU, "it used more than 1 s of processor time")

    def test_as_root_other_users_files_and_processes_are_closed(self):
        if not ROOT:
            pytest.skip("needs root: other users run programs as themselves")
        done = run("limits", hostile.READ, stdin=f"/etc/shadow /root /proc/{os.getpid()}/environ")
        assert done.stdout == ""
        victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        try:
            assert run("limits", hostile.SIGNAL, stdin=f"{victim.pid} {os.getpid()}").stdout == "alive\n"
            assert victim.poll() is None
        finally:
            victim.kill()
            victim.wait()

    def test_it_says_what_stays_open_and_that_is_true(self):
        assert "does not protect the network" in isolation("limits").leaves_open
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=answer_once, args=(server,), daemon=True).start()
            assert "got" in run("limits", hostile.CONNECT, stdin=str(server.getsockname()[1])).stdout


def test_a_program_ends_with_the_process_that_asked_for_it(tmp_path):
    marker = f"marker-{os.getpid()}-{time.monotonic_ns()}"
    code = (
        "import sys\nfrom guerdon.sandbox import Sandbox, Limits\n"
        f"Sandbox(Limits(seconds=60), sys.argv[1]).run(['sh', '-c', 'sleep 60; : {marker}'])"
    )
    for level in ["limits"] + ([] if WHY else ["bubblewrap"]):
        environment = {**os.environ, "PYTHONPATH": "src", "TMPDIR": str(tmp_path)}
        asking = subprocess.Popen([sys.executable, "-c", code, level], env=environment, cwd=REPOSITORY)
        until = time.monotonic() + 10
        while len(processes_with(f": {marker}")) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        asking.kill()
        asking.wait()
        while processes_with(f": {marker}") and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.3)  # nothing may start late
        assert not processes_with(f": {marker}"), level


@pytest.mark.skipif(not ROOT or not Path("/usr/bin/python3").exists(), reason="needs root, to become somebody else")
def test_without_root_it_holds_as_well():
    code = (
        "import hostile\nfrom guerdon.sandbox import *\n"
        "box = Sandbox(Limits(seconds=5, processes=5), 'auto')\n"
        "print(box.level, box.run(hostile.FORK_BOMB).stdout.strip(), box.run(hostile.PRIVILEGES).stdout.strip(),"
        " box.run(hostile.KEEPER_SECRETS).stdout.strip())"
    )
    folders = [REPOSITORY / "src", Path(__file__).parent]
    if not all(folder.stat().st_mode & 1 for folder in REPOSITORY.parents):
        pytest.skip("the repository's folder is closed to other users")
    done = subprocess.run(
        ["/usr/bin/python3", "-B", "-c", code],
        env={"PYTHONPATH": ":".join(map(str, folders)), "PATH": os.environ["PATH"], "HOME": "/tmp"},
        user=54321, group=54321, extra_groups=[], capture_output=True, text=True, cwd="/",
    )  # fmt: skip
    level, made, privileges, secrets = done.stdout.split(" ", 3)
    assert secrets == "[]\n" and int(made) <= 5, done.stderr
    assert level == "limits" or privileges == "[]"


@pytest.mark.parametrize(
    "name", ["seconds", "cpu_seconds", "memory_mb", "file_mb", "processes", "output_kb", "open_files"]
)
def test_limits_are_positive(name):
    for value in (0, -1, float("inf"), float("nan")):
        with pytest.raises(GuerdonError, match=f"Limits.{name} must be positive and finite"):
            Limits(**{name: value})
