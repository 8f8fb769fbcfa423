"""Run one command so that nothing of it survives: `python guard.py SECONDS PARENT COMMAND...`.

The guard passes SIGTERM on, and also when the process PARENT, which started it, ends, gives the command SECONDS to end by itself,
and then kills whatever is left of it: workers that lost their master, too. It must be started in a session
of its own (start_new_session=True), because it kills its own process group, itself included, at the end.

It imports little and stands alone, so that it starts in milliseconds.
"""

import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int, signum: int) -> None:
    """Have the kernel send this process `signum` when its parent, the process `parent`, ends.

    For use right after a fork. Exec keeps the setting; a change of account does not.
    """
    if _libc.prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), signum)


def start(command: list[str]) -> int:
    """Start the command as a child that gets SIGTERM if the guard is killed; its process id."""
    guard = os.getpid()
    child = os.fork()
    if child:
        return child
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    die_with_parent(guard, signal.SIGTERM)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(127)


def wait(child: int, seconds_to_end: float) -> None:
    """Until the child ended, or did not within `seconds_to_end` after SIGTERM."""
    deadline = float("inf")
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        received = signal.sigtimedwait({signal.SIGTERM, signal.SIGCHLD}, min(1.0, seconds_to_end))
        if received and received.si_signo == signal.SIGTERM and deadline == float("inf"):
            deadline = time.monotonic() + seconds_to_end
            os.kill(child, signal.SIGTERM)
        if time.monotonic() > deadline:
            return


def main(seconds_to_end: float, parent: int, command: list[str]) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    die_with_parent(parent, signal.SIGTERM)
    wait(start(command), seconds_to_end)
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
