"""The first process inside: drops rights, starts the program under its limits, ends whatever is left, and reports.

Standard library only, and given to Python as text, so that no file of guerdon has to be visible inside.

Wire
    In: a marshalled dict (see ``Sandbox._job``) in an open file.
    Out, on a pipe that the program never holds: ``start PID``, then ``exit STATUS SECONDS CPU_SECONDS``, or
    ``failed WHY`` where the program could not be started.
"""

import _ctypes

# signal, contextlib and ctypes would take longer to import than all the rest takes.
import _signal as signal  # pyright: ignore[reportMissingImports]
import marshal
import os
import resource
import sys
import time

SET_PARENT_DEATH_SIGNAL, SET_DUMPABLE, SET_CHILD_SUBREAPER, SET_NO_NEW_PRIVILEGES = 1, 4, 36, 38


class suppress:
    """``contextlib.suppress``."""

    def __init__(self, *kinds):
        self.kinds = kinds

    def __enter__(self):
        pass

    def __exit__(self, kind, error, trace):
        return kind is not None and issubclass(kind, self.kinds)


def prctl(option, value):
    """Linux only; elsewhere there is nothing of the kind."""
    with suppress(AttributeError, OSError):
        library = _ctypes.dlopen(None, 0)  # pyright: ignore[reportArgumentType]
        _ctypes.call_function(_ctypes.dlsym(library, "prctl"), (option, value, 0, 0, 0))


def tell(report, line):
    """Report; whether anybody is there to read it."""
    try:
        return os.write(report, line) > 0
    except OSError:
        return False


def become(uid):
    """Give up root for good."""
    with suppress(OSError):  # some containers forbid it; then there are no groups to lose
        os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def execute(argv, env):
    """``os.execvpe``, without the imports that it makes: this user may not enter the folder of this Python."""
    places = [""] if "/" in argv[0] else [f"{place}/" for place in env["PATH"].split(":")]
    for place in places:
        with suppress(FileNotFoundError, NotADirectoryError):
            os.execve(place + argv[0], argv, env)
    raise FileNotFoundError(f"no command {argv[0]!r}")


def begin(job, report):
    """Become the program. Runs in the child; never returns."""
    try:
        os.setsid()
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and so would the program
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
        if job["uid"]:
            become(job["uid"])
        prctl(SET_NO_NEW_PRIVILEGES, 1)
        os.umask(0o077)
        for name, data in job["files"].items():
            if os.path.dirname(name):
                os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(name, "xb") as file:
                file.write(data)
        with open(".stdin", "xb") as file:
            file.write(job["stdin"])
        source = os.open(".stdin", os.O_RDONLY)
        os.unlink(".stdin")
        os.dup2(source, 0)
        for name, limit in job["limits"].items():
            with suppress(ValueError):  # a hard limit that is lower already stays
                resource.setrlimit(getattr(resource, name), limit)
        os.closerange(3, report)
        os.closerange(report + 1, 4096)
        execute(job["argv"], job["env"])
    except BaseException as error:
        os.write(report, f"failed {type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(127)


def wait(pid, signals):
    """Status and CPU seconds of the program, or None if it is to be ended; orphans are buried on the way.

    Signals are awaited, not handled: one that came just before a call that blocks would be lost on Python.
    """
    while signal.sigwait(signals) == signal.SIGCHLD:
        done = -1
        while done:
            try:
                done, status, usage = os.wait3(os.WNOHANG)
            except ChildProcessError:
                break
            if done == pid:
                return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
    return None


def children():
    """Processes whose parent is this one (Linux)."""
    for name in os.listdir("/proc"):
        with suppress(OSError, ValueError):
            pid = int(name)
            with open(f"/proc/{pid}/stat", "rb") as file:
                if int(file.read().rpartition(b")")[2].split()[1]) == os.getpid():
                    yield pid


def end_all(pid, ended, uid):
    """Kill what the program has left. Outside of a PID namespace only: there, the end of this process does it."""
    with suppress(OSError):
        if not ended:  # it may not yet have a group and a user of its own
            os.kill(pid, signal.SIGKILL)
        if sys.platform != "linux":
            os.killpg(pid, signal.SIGKILL)
    if uid:  # nobody else has this user id, and one call gets them all
        killer = os.fork()
        if killer == 0:
            try:
                become(uid)
                os.kill(-1, signal.SIGKILL)
            finally:
                os._exit(0)
    until = time.monotonic() + 5
    while time.monotonic() < until:
        with suppress(OSError):
            for child in () if uid else list(children()):
                with suppress(OSError, AttributeError):
                    resource.prlimit(child, resource.RLIMIT_NPROC, (0, 0))  # so that it cannot fork away
                with suppress(OSError):
                    os.kill(child, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def main(source, report):
    """Run the job that is in the file ``source`` and report to the pipe ``report`` (both file descriptors)."""
    with open(source, "rb") as file:
        job = marshal.load(file)
    os.set_inheritable(report, False)
    os.chdir(job["folder"])
    prctl(SET_DUMPABLE, 0)  # /proc/<this>/fd and memory are closed to the program, whose user may be the same
    alone = not job["namespace"]
    signals = {signal.SIGCHLD, signal.SIGTERM} if alone else {signal.SIGCHLD}
    signal.signal(signal.SIGCHLD, lambda *_: None)  # by default it might be dropped
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    if alone:
        prctl(SET_CHILD_SUBREAPER, 1)
        prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
    pid, started = os.fork(), time.monotonic()
    if pid == 0:
        begin(job, report)
    # Where nobody hears of the start, the caller died before its death could be signalled.
    ended = wait(pid, signals) if tell(report, b"start %d\n" % pid) else None
    seconds = time.monotonic() - started
    if alone:
        end_all(pid, ended, job["uid"])
    status, cpu = ended or (-signal.SIGKILL, 0.0)
    tell(report, b"exit %d %.4f %.4f\n" % (status, seconds, cpu))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
