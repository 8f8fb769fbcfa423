"""Run one command so that nothing of it survives: `python guard.py SECONDS PARENT COMMAND...`.

The guard passes SIGTERM on, and sends it also when PARENT, the process that started the guard, ends. It gives the
command SECONDS to end by itself, and leaves with its status. What the command leaves behind, such as workers that
lost their master, is killed with the process group: by PARENT, or by the guard if PARENT is no more. So a
guard must be started in a session of its own (start_new_session=True).

It stands alone and imports little, so that it starts in milliseconds.
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
        os.execvp(command[0], command)  # noqa: S606  (ours, and meant to replace this process)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(127)


def wait(child: int, seconds_to_end: float) -> int:
    """Until the child ended, or did not within `seconds_to_end` after SIGTERM (then it is killed); its status."""
    deadline = float("inf")
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        received = signal.sigtimedwait({signal.SIGTERM, signal.SIGCHLD}, 0.5)
        if received and received.si_signo == signal.SIGTERM and deadline == float("inf"):
            deadline = time.monotonic() + seconds_to_end
            os.kill(child, signal.SIGTERM)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)


def main(seconds_to_end: float, parent: int, command: list[str]) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    die_with_parent(parent, signal.SIGTERM)
    status = wait(start(command), seconds_to_end)
    if os.getppid() != parent:
        os.killpg(os.getpid(), signal.SIGKILL)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
