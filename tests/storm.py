"""All of `make run` under people, kill -9 and hostile senders: `python -m tests.storm MINUTES ROUNDS`.

Eight people follow random links and send random forms for so many minutes. Then, while they go on, one process after
the other is killed, and it is measured how long the site takes to be well again. At the end every note that was
acknowledged is looked for in the history, and everything must hold. Exits 1 when something was lost, failed or slow.
"""

import http.cookiejar
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections import Counter
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path

import django
from django.db import Error, close_old_connections

from crm.runtime import ROOT
from crm.runtime.postgres import Cluster
from tests.runtime.processes import keeper, kill, postmaster, query

PASSWORD = "fifty-demo-50"
PEOPLE = ("owner", "admin", "admin2", "sari", "dewi", "budi", "tono", "lina")
STAFF = PEOPLE[3:]
NOT_FOLLOWED = re.compile(r"/accounts/|/people/|/chaos|/settings/|/products/|/static/|/archive/|healthz|export|csv")
HOME = ROOT / ".local/storm"
SETTINGS = {"DEMO": "1", "FIFTY_PG_DIR": ".local/storm/pg", "DJANGO_SETTINGS_MODULE": "crm.settings"}
WELL_SECONDS, ANSWER_SECONDS, SLOW_CONNECTIONS = 30, 1.0, 42
SLOW = (
    b"",
    b"Content-Length: 1000\r\n\r\n",
    b"Content-Length: 1000000000000\r\n\r\n",
    b"Content-Length: 200000000\r\nCookie: sessionid=x\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n5\r\n",
    b"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n",
    b"Content-Length: 0\r\n\r\n" + b"GET /accounts/login/ HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8,
)
"""How a request begins whose rest comes at a byte a second, or whose answers nobody takes."""

NOTICED_SECONDS = 4.0
"""Until then the last sign of life of a task cluster that was killed may still count."""


class Page(HTMLParser):
    """The links of a page, and its forms that change something, each with what can be sent in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.forms: list[dict] = []
        self._by_id: dict[str, dict] = {}
        self._form: dict | None = None
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "a" and has.get("href", "").startswith("/"):
            self.links.add(has["href"])
        if tag == "form":
            self._form = {"action": has.get("action", ""), "fields": []}
            self._by_id[has.get("id", "")] = self._form
            if has.get("method") == "post":
                self.forms.append(self._form)
        form = self._by_id.get(has["form"]) if "form" in has else self._form
        if form is None or not has.get("name", self._select):
            return
        if tag in ("input", "textarea", "button"):
            form["fields"].append((has["name"], has.get("type", tag), has.get("value", "")))
        elif tag == "select":
            self._select = has["name"]
        elif tag == "option" and self._select:
            form["fields"].append((self._select, "option", has.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""


def filled(fields: list[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """What a person might have sent."""
    sent: list[tuple[str, str]] = []
    options: dict[str, list[str]] = {}
    for name, kind, value in fields:
        if kind in ("option", "radio"):
            options.setdefault(name, []).append(value)
        elif kind == "checkbox":
            if random.random() < 0.3:
                sent.append((name, value or "on"))
        elif kind == "number":
            sent.append((name, str(random.randint(1, 5))))
        elif kind in ("text", "textarea", "search"):
            sent.append((name, value or random.choice(["", "budi88", "a note", "Café; =1+1"])))
        elif kind not in ("file", "submit", "button"):
            sent.append((name, value))
    return sent + [(name, random.choice(values)) for name, values in options.items()]


class Person:
    """Somebody with a browser."""

    def __init__(self, site: str, name: str) -> None:
        self.site, self.name = site, name
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.links: list[str] = []
        self.answers: Counter[tuple[str, int]] = Counter()
        self.failed: list[str] = []
        self.noted: list[tuple[str, str]] = []

    def ask(self, path: str, sent: list[tuple[str, str]] | None = None, **headers: str) -> tuple[int, str]:
        """The status and the text; 0 where nobody answers."""
        method = "GET" if sent is None else "POST"
        data = None if sent is None else urllib.parse.urlencode(sent).encode()
        request = urllib.request.Request(self.site + path, data, {"Referer": self.site + path, **headers})  # noqa: S310
        try:
            with self.opener.open(request, timeout=60) as answer:
                status, text = answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            status, text = 0, ""
        self.answers[method, status] += 1
        if status == 500:
            self.failed.append(f"{self.name}: {method} {path}")
        return status, text

    def cookie(self, name: str) -> str:
        return next((each.value or "" for each in self.jar if each.name == name), "")

    def sign_in(self) -> None:
        self.ask("/accounts/login/")
        form = [("login", self.name), ("password", PASSWORD), ("csrfmiddlewaretoken", self.cookie("csrftoken"))]
        self.ask("/accounts/login/", form)
        self.links = ["/"]

    def step(self) -> None:
        """Opens a page, and perhaps sends one of its forms, and what that asks to be confirmed."""
        if not self.cookie("sessionid"):
            self.sign_in()
        path = random.choice(self.links)
        status, text = self.ask(path)
        page = Page(text)
        self.links += [link for link in page.links if not NOT_FOLLOWED.search(link)]
        self.links = [*random.sample(self.links, min(len(self.links), 400)), "/"]
        forms = [each for each in page.forms if not NOT_FOLLOWED.search(each["action"])]
        for _confirmed in range(2):
            if status != 200 or not forms or random.random() < 0.3:
                return
            form = random.choice(forms)
            path = urllib.parse.urlsplit(form["action"] or path).path
            status, text = self.ask(path, filled(form["fields"]))
            forms = [each for each in Page(text).forms if any(name == "token" for name, *_ in each["fields"])]

    def note(self) -> None:
        """Notes something of a record of one's own, and remembers it if that was acknowledged."""
        _status, text = self.ask(f"/{random.choice(['records', 'bonanza', 'memberwd'])}/mine/")
        if found := re.findall(r'action="(/(\w+)/records/\d+/outcome/)"', text):
            path, module = random.choice(found)
            note = f"noted {uuid.uuid4()}"
            headers = {"HX-Request": "true", "X-CSRFToken": self.cookie("csrftoken")}
            if self.ask(path, [("note", note)], **headers)[0] == 200:
                self.noted.append((module, note))


class Site:
    """`make run` in a directory of its own data."""

    def __init__(self) -> None:
        shutil.rmtree(HOME, ignore_errors=True)
        HOME.mkdir(parents=True)
        self.cluster = Cluster(HOME / "pg")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        self.mark = f"STORM={uuid.uuid4()}"
        name, value = self.mark.split("=")
        environment = {**os.environ, "PORT": str(self.port), name: value}
        self.log = (HOME / "log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "crm.runtime.supervisor"],
            cwd=ROOT,
            env=environment,
            stdout=self.log,
            stderr=self.log,
        )

    def is_well(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz?strict", timeout=5) as answer:  # noqa: S310
                return answer.status == 200
        except OSError:
            return False

    def does_tasks(self, most: float) -> bool:
        """Whether a task that is handed to the cluster now is done within so many seconds."""
        from django_q.models import Task  # not before Django is set up
        from django_q.tasks import async_task

        began, name = time.monotonic(), uuid.uuid4().hex
        with suppress(Error):
            close_old_connections()
            async_task("builtins.abs", -1, task_name=name)
            while time.monotonic() - began < most:
                if Task.objects.filter(name=name, success=True).exists():
                    return True
                time.sleep(0.2)
        return False

    def seconds_until_well(self, most: float) -> float:
        """Seconds until it says that it is well, and does a task."""
        began = time.monotonic()
        while not self.is_well() or not self.does_tasks(3):
            if time.monotonic() - began > most:
                return float("inf")
            time.sleep(0.2)
        return time.monotonic() - began

    def processes(self, words: str) -> list[int]:
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                ours = entry.name.isdigit() and self.mark.encode() in (entry / "environ").read_bytes()
                if ours and words in (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode():
                    found.append(int(entry.name))
        return sorted(found)

    def victims(self) -> dict[str, int]:
        """One process of each kind."""
        web, tasks, guards = (self.processes(words) for words in ("-m gunicorn", "qcluster", "guard.py"))
        [(backend,)] = query(
            self.cluster, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
            " AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
        )  # fmt: skip
        return {
            "web worker": web[-1],
            "web master": web[1],
            "task cluster": tasks[1],
            "task process": tasks[-1],
            "guard": random.choice(guards),
            "postmaster": postmaster(self.cluster),
            "keeper": keeper(self.cluster),
            "database connection": backend,
        }

    def hostile(self) -> float:
        """The longest of ten answers while others send slowly, without end, in pieces, or take no answer."""
        slow = []
        for begun in SLOW * (SLOW_CONNECTIONS // len(SLOW)):
            each = socket.create_connection(("localhost", self.port))
            each.sendall(b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\n" + begun)
            slow.append(each)
        longest = 0.0
        for _ in range(10):
            for each in slow:
                with suppress(OSError):
                    each.sendall(b"x")
            began = time.monotonic()
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=60) as answer:  # noqa: S310
                answer.read()
            longest = max(longest, time.monotonic() - began)
            time.sleep(1)
        for each in slow:
            each.close()
        return longest


def main(minutes: float, rounds: int) -> int:
    os.environ |= SETTINGS
    django.setup()
    site = Site()
    ended = threading.Event()
    people = [Person(site.url, name) for name in PEOPLE]

    def work(person: Person) -> None:
        while not ended.is_set():
            person.step()
            if person.name in STAFF:
                person.note()

    bad = 0
    try:
        print(f"well after {site.seconds_until_well(120):.1f} s", flush=True)
        threads = [threading.Thread(target=work, args=[person], daemon=True) for person in people]
        for thread in threads:
            thread.start()
        time.sleep(minutes * 60)
        deadlocks = (site.cluster.home / "server.log").read_text(errors="replace").count("deadlock detected")
        answers = sum((person.answers for person in people), Counter())
        failed = [each for person in people for each in person.failed]
        print(f"{minutes} minutes: {dict(answers)}\ndeadlocks: {deadlocks}\n500s: {failed}", flush=True)
        bad += deadlocks + len(failed) + sum(count for (_method, status), count in answers.items() if not status)
        waits: dict[str, list[float]] = {}
        for _number in range(rounds):
            who, pid = random.choice(list(site.victims().items()))
            with suppress(ProcessLookupError):
                kill(pid)
            time.sleep(NOTICED_SECONDS)
            waits.setdefault(who, []).append(NOTICED_SECONDS + site.seconds_until_well(120))
            time.sleep(random.uniform(0.5, 2))
        for who, seconds in sorted(waits.items()):
            print(f"{len(seconds)} times kill -9 of a {who}: well after {max(seconds):.1f} s at most", flush=True)
            bad += sum(each > WELL_SECONDS for each in seconds)
        bad += (gone := sum(not thread.is_alive() for thread in threads))
        ended.set()
        for thread in threads:
            thread.join(90)
        noted = [each for person in people for each in person.noted]
        lost = [
            each for each in noted
            if not query(site.cluster, f"SELECT 1 FROM {each[0]}_recordevent WHERE note = '{each[1]}' LIMIT 1")
        ]  # fmt: skip
        print(f"{len(noted)} notes acknowledged, {len(lost)} lost; people who gave up: {gone}; 500s with the kills: "
              f"{[each for person in people for each in person.failed][len(failed):]}", flush=True)  # fmt: skip
        longest = site.hostile()
        print(f"longest answer beside {SLOW_CONNECTIONS} hostile senders: {longest:.2f} s", flush=True)
        healthy = subprocess.run([sys.executable, "manage.py", "health_check"], cwd=ROOT).returncode
        with_kills = sum(len(person.failed) for person in people) - len(failed)
        bad += with_kills + (not noted) + len(lost) + (longest > ANSWER_SECONDS) + healthy
    finally:
        ended.set()
        site.process.send_signal(signal.SIGTERM)
        site.process.wait(60)
        site.log.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2])))
