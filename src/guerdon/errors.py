"""The errors a user can cause. Each carries one sentence: what must be what, what was got, how to fix it."""


class GuerdonError(ValueError):
    """Bad input. The command line prints its sentence and exits with code 2."""


class RunStopped(RuntimeError):
    """A run that stopped itself (non-finite loss, collapse). Its sentence is the diagnosis; exit code 1."""


class RunInterrupted(KeyboardInterrupt):
    """Ctrl-C or a termination request, after the step was finished and saved. Its sentence says how to go on."""
