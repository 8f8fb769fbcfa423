"""Under which account the embedded PostgreSQL runs: it refuses root, and initdb refuses an account without a name.

An ordinary user runs it as themselves. For root there are two ways, tried in this order:

1. in a user namespace in which root's files belong to an ordinary account;
2. as `nobody` (or `FIFTY_PG_ACCOUNT`), with the one capability to enter root's directories.

Data that already belong to an account are always served by that account.
"""

import os
import pwd
import subprocess
from pathlib import Path


def command_prefix(home: Path, program: Path, account: str = "") -> list[str]:
    """What to put before a command so that it may run PostgreSQL's `program` on files in the directory `home`."""
    user = os.geteuid()
    if user != 0 and _has_name(user):
        return []
    data = home / "data"
    owner = data.stat().st_uid if data.exists() else user
    if owner == user and not account and _works(_in_namespace(), home, program):
        return _in_namespace()
    if user != 0:
        return []  # initdb will say what is missing
    return _as_account(pwd.getpwnam(account or "nobody").pw_uid if owner == user else owner)


def _in_namespace() -> list[str]:
    stand_in = next(entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid)
    return ["unshare", "--user", f"--map-user={stand_in}", f"--map-group={stand_in}", "--"]


def _as_account(user: int) -> list[str]:
    capability = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *capability, "--"]


def _works(prefix: list[str], home: Path, program: Path) -> bool:
    """Whether a command may be started so, and can then reach what it needs."""
    probe = ["test", "-w", str(home), "-a", "-x", str(program)]
    try:
        return subprocess.run([*prefix, *probe], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False  # no such tool on this machine


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True
