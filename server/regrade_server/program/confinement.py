"""Gives up, for good, what a process needs to reach anything outside of one folder.

On Linux, without privileges: Landlock leaves it one folder to write in and the interpreter's
libraries to read; a filter of system calls leaves it no socket, no other process, no signal. What
was given up cannot be had again. It imports nothing but the standard library, and nothing of
Regrade, so that any Python that the project uses can run it.

Sources: landlock(7), seccomp(2), capabilities(7), and the kernel's tables of system calls.
"""

import ctypes
import errno
import math
import os
import platform
import resource
import struct
import sys
from contextlib import suppress

# Landlock of Linux 6.2 is the first that keeps files from being cut short.
_LANDLOCK = 3
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_READ_FILE, _READ_DIR, _WRITE_FILE, _TRUNCATE = 1 << 2, 1 << 3, 1 << 1, 1 << 14
_REMOVE, _MAKE_DIR, _MAKE_FILE, _MAKE_LINK = 1 << 4 | 1 << 5, 1 << 7, 1 << 8, 1 << 12
_EVERY_ACCESS = (1 << 15) - 1
_TO_READ = _READ_FILE | _READ_DIR
_TO_WRITE = _TO_READ | _WRITE_FILE | _TRUNCATE | _REMOVE | _MAKE_DIR | _MAKE_FILE | _MAKE_LINK
_OF_A_FILE = _READ_FILE | _WRITE_FILE | _TRUNCATE
_LIBRARIES = ("/usr", "/lib", "/lib32", "/lib64", "/etc/localtime", "/dev/urandom", "/dev/random")

_PDEATHSIG, _SECCOMP, _NO_NEW_PRIVILEGES, _KILL = 1, 22, 38, 9
_ALLOW, _DENY, _DIE = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _MACHINE, _FIRST = 0, 4, 16  # where a filter finds what was called
_THREAD = 0x10000
_X32 = 0x40000000
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_CLONE, _CLONE3, _PRLIMIT = (56, 220), (435, 435), (302, 261)
# What reaches out of the process, or changes a file in ways that Landlock does not look at: the
# numbers on x86-64 and on arm64, None where there is no such call.
_FORBIDDEN: "dict[str, tuple[int, int | None]]" = {
    "shmget": (29, 194), "socket": (41, 198), "fork": (57, None), "vfork": (58, None),
    "execve": (59, 221), "kill": (62, 129), "semget": (64, 190), "msgget": (68, 186),
    "chmod": (90, None), "fchmod": (91, 52), "chown": (92, None), "fchown": (93, 55),
    "lchown": (94, None), "ptrace": (101, 117), "setpgid": (109, 154), "setsid": (112, 157),
    "rt_sigqueueinfo": (129, 138), "utime": (132, None), "setpriority": (141, 140),
    "sched_setparam": (142, 118), "sched_setscheduler": (144, 119), "setxattr": (188, 5),
    "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "tkill": (200, 130),
    "sched_setaffinity": (203, 122), "tgkill": (234, 131), "utimes": (235, None),
    "mq_open": (240, 180), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "ioprio_set": (251, 30), "migrate_pages": (256, 238), "fchownat": (260, 54),
    "futimesat": (261, None), "fchmodat": (268, 53), "unshare": (272, 97), "move_pages": (279, 239),
    "utimensat": (280, 88), "rt_tgsigqueueinfo": (297, 240), "perf_event_open": (298, 241),
    "setns": (308, 268), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "sched_setattr": (314, 274), "memfd_create": (319, 279), "bpf": (321, 280),
    "execveat": (322, 281), "userfaultfd": (323, 282), "pidfd_send_signal": (424, 424),
    "io_uring_setup": (425, 425), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440), "fchmodat2": (452, 452), "setxattrat": (463, 463),
    "removexattrat": (466, 466),
}  # fmt: skip


def limit(seconds: float, memory: int, file: int, files: int) -> None:
    """Bound the processor's seconds, the bytes of addresses and of a file, and open files."""
    processor = math.ceil(seconds) + 1
    for kind, soft, hard in (
        (resource.RLIMIT_CPU, processor, processor + 1),
        (resource.RLIMIT_AS, memory, memory),
        (resource.RLIMIT_FSIZE, file, file),
        (resource.RLIMIT_NOFILE, files, files),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        # macOS knows the names and not all of the limits.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (soft, hard))


def alone() -> None:
    """Start no other process, as far as the system counts them (which it does not for root)."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def confine(folder: str) -> None:
    """Leave this process ``folder`` to write in, the libraries to read, and nothing else.

    Raises:
        OSError: It cannot be done here; the message says what is missing.
    """
    machine = _MACHINES.get(platform.machine())
    if not sys.platform.startswith("linux") or machine is None:
        raise OSError("it takes Linux on x86-64 or arm64")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    if libc.syscall(_CREATE, None, 0, 1) < _LANDLOCK:
        raise OSError("it takes the Landlock of Linux 6.2")
    _done(libc.prctl(_PDEATHSIG, _KILL, 0, 0, 0))
    _done(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _keep_out(libc, folder)
    # Where we are root: whatever only root may do.
    _done(libc.capset(struct.pack("Ii", 0x20080522, 0), bytes(24)))
    program = _filter(*machine)
    code = ctypes.create_string_buffer(program, len(program))
    held = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    _done(libc.prctl(_SECCOMP, 2, held, 0, 0))


def _keep_out(libc: ctypes.CDLL, folder: str) -> None:
    """Keep this process out of every file but those it may see."""
    rules = _done(libc.syscall(_CREATE, struct.pack("Q", _EVERY_ACCESS), 8, 0))
    ours = {sys.prefix, sys.base_prefix, sys.exec_prefix, *filter(os.path.isabs, sys.path)}
    allowed = [*((path, _TO_READ) for path in (*_LIBRARIES, *sorted(ours)))]
    allowed += [("/dev/null", _READ_FILE | _WRITE_FILE), (folder, _TO_WRITE)]
    for path, access in allowed:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fits = access if os.path.isdir(path) else access & _OF_A_FILE  # noqa: PTH112 - any Python
            _done(libc.syscall(_ADD, rules, 1, struct.pack("=Qi", fits, place), 0))
        finally:
            os.close(place)
    _done(libc.syscall(_RESTRICT, rules, 0))
    os.close(rules)


def _filter(machine: int, column: int) -> bytes:
    """The filter of system calls, in the instructions that the kernel takes."""
    deny, allow = (_RETURN, 0, 0, _DENY | errno.EPERM), (_RETURN, 0, 0, _ALLOW)
    steps = [
        (_LOAD, 0, 0, _MACHINE),
        (_EQUAL, 1, 0, machine),
        (_RETURN, 0, 0, _DIE),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        deny,
    ]
    for numbers in _FORBIDDEN.values():
        if numbers[column] is not None:
            steps += [(_EQUAL, 0, 1, numbers[column]), deny]
    # It cannot be looked into; where it is not there, threads are started by clone.
    steps += [(_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _DENY | errno.ENOSYS)]
    steps += [(_EQUAL, 0, 3, _CLONE[column]), (_LOAD, 0, 0, _FIRST), (_SET, 1, 0, _THREAD), deny]
    steps += [(_LOAD, 0, 0, _NUMBER)]
    # The limits of no other process.
    steps += [(_EQUAL, 0, 3, _PRLIMIT[column]), (_LOAD, 0, 0, _FIRST), (_EQUAL, 1, 0, 0), deny]
    steps += [allow]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _done(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"the system refuses it: {os.strerror(number)}")
    return result
