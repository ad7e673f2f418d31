"""System calls that a program inside has no use for, as a filter for ``bwrap --seccomp``.

Reason for each group: new namespaces and mounts get around the limits of the folder; shared memory that outlives its
mapping and anonymous files get around the memory limit; tracing and key rings reach other processes; the rest are
seldom needed and often attacked.
"""

import errno
import os
import struct

_X86 = {
    "namespaces": (272, 308, 155, 165, 166),  # unshare, setns, pivot_root, mount, umount2
    "memory": (29, 68, 64, 319),  # shmget, msgget, semget, memfd_create
    "tracing": (101, 310, 311),  # ptrace, process_vm_readv, process_vm_writev
    "seldom": (321, 323, 298, 248, 249, 250),  # bpf, userfaultfd, perf_event_open, add_key, request_key, keyctl
}
_ARM = {
    "namespaces": (97, 268, 41, 40, 39),
    "memory": (194, 186, 190, 279),
    "tracing": (117, 270, 271),
    "seldom": (280, 282, 241, 217, 218, 219),
}
# The same numbers everywhere: open_tree, move_mount, fsopen, fsmount, mount_setattr, memfd_secret, pidfd_getfd, io_uring_*
_COMMON = (428, 429, 430, 432, 442, 447, 438, 425, 426, 427)
_CLONE3, _NEW_USER_NAMESPACE = 435, 0x10000000
_MACHINES = {"x86_64": (0xC000003E, 56, _X86), "aarch64": (0xC00000B7, 220, _ARM)}

_LOAD, _IF_EQUAL, _IF_ANY_BIT, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000


def filter_program(machine: str | None = None) -> bytes:
    """The filter in the kernel's binary form; empty for machines whose call numbers are not known here."""
    machine = os.uname().machine if machine is None else machine
    if machine not in _MACHINES:
        return b""
    architecture, clone, groups = _MACHINES[machine]
    refused = sorted({*_COMMON, *(number for group in groups.values() for number in group)})

    def step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("=HBBI", code, if_true, if_false, value)

    steps = [
        step(_LOAD, 4),  # the architecture
        step(_IF_EQUAL, architecture, 1, 0),
        step(_RETURN, _KILL),
        step(_LOAD, 0),  # the number of the call
        step(_IF_AT_LEAST, 0x40000000, 0, 1),  # x32, which has numbers of its own
        step(_RETURN, _ERROR | errno.EPERM),
        step(_IF_EQUAL, _CLONE3, 0, 1),  # its flags cannot be seen from here; libraries fall back to clone
        step(_RETURN, _ERROR | errno.ENOSYS),
    ]
    for number in refused:
        steps += [step(_IF_EQUAL, number, 0, 1), step(_RETURN, _ERROR | errno.EPERM)]
    steps += [
        step(_IF_EQUAL, clone, 0, 3),
        step(_LOAD, 16),  # its first argument: the flags
        step(_IF_ANY_BIT, _NEW_USER_NAMESPACE, 0, 1),
        step(_RETURN, _ERROR | errno.EPERM),
        step(_RETURN, _ALLOW),
    ]
    return b"".join(steps)
