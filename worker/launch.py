"""Start one program on a leash, and as another user where told: `launch.py [options] -- program args`.

It runs alone (`python -I -S launch.py`), sets up its own process and becomes the program, so that the
supervisor needs no code between fork and exec. The leash is Linux's parent-death signal: a supervisor
that is killed takes its programs with it. Elsewhere the next start finds and stops what was left.
"""

import argparse
import ctypes
import os
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAPABILITY_VERSION_3 = 0x20080522
CAPABILITIES = {"dac_override": 1, "dac_read_search": 2}


class _Sets(ctypes.Structure):
    """Three sets of capabilities, as capset(2) takes them: bits 0 to 31, then bits 32 to 63."""

    _fields_ = [
        (f"{name}_{half}", ctypes.c_uint32)
        for half in ("low", "high")
        for name in ("effective", "permitted", "inheritable")
    ]


def _checked(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def become(uid: int, capability: str | None) -> None:
    """Turn root into `uid` for good, keeping at most the one named capability.

    Raises:
        OSError: the kernel refuses, as in a container where only root exists.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if capability:
        _checked(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep capabilities")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if capability:
        number = CAPABILITIES[capability]
        bit = 1 << number
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        sets = _Sets(effective_low=bit, permitted_low=bit, inheritable_low=bit)
        _checked(libc.capset(header, ctypes.byref(sets)), "capset")
        raised = libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0)
        _checked(raised, "raise an ambient capability")


def leash(parent: int, signal_number: int) -> None:
    """Have the kernel send `signal_number` to this process when its parent ends."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        _checked(libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "parent-death signal")
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")


def main(argv: list[str]) -> None:
    """Become the program after `--`; it exits 127 with one line where that fails."""
    own, program = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    options = argparse.ArgumentParser()
    options.add_argument("--uid", type=int)
    options.add_argument("--capability", choices=CAPABILITIES)
    options.add_argument("--nice", type=int, default=0)
    options.add_argument("--parent", type=int)
    options.add_argument("--signal", type=int, default=15)
    chosen = options.parse_args(own)
    try:
        os.nice(chosen.nice)
        if chosen.uid is not None:
            become(chosen.uid, chosen.capability)
        if chosen.parent:
            leash(chosen.parent, chosen.signal)
        os.execvp(program[0], program)  # noqa: S606 - this is what the file is for
    except OSError as error:
        sys.stderr.write(f"cannot start {program[0]}: {error}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
