"""Stands in for the reading process and fails in the way that the upload's name says."""

import json
import os
import signal
import sys
import time

from crm.distribution.imports.contract import Limits
from crm.distribution.imports.reader_process import limit_resources

ways = {
    "garbage": lambda: print("Segmentation fault"),
    "number": lambda: print("17"),
    "silent": lambda: None,
    "asleep": lambda: time.sleep(60),
    "endless": lambda: [sys.stdout.write("x" * 1024**2) for _ in range(200)],
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "crash": lambda: sys.exit("Traceback: secret detail"),
    "spinning": lambda: [None for _ in iter(int, 1)],
    "chatty": lambda: sys.stderr.write("noise " * 200_000),
    "hoarding": lambda: bytearray(1024**4),
}

request = json.loads(sys.argv[2])
limit_resources(Limits(**request["limits"]))
ways[request["name"]]()
