"""The files in hub/: nbgrader's exchange, and a JupyterHub that is really started."""

import contextlib
import importlib.util
import io
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pytest
import requests
from bs4 import BeautifulSoup
from classroom import ROOT, cell_of, command, score

from aelib.teach.course import Course
from aelib.teach.restore import hidden_lines

HUB = ROOT / "hub"
COURSE_ID = "autoencoders"
# Python's scripts lie beside it: nbgrader calls alembic by name, JupyterHub its proxy.
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
WRONG = "def square(x):\n    return 2.0 * x"  # right for 2, so that only the hidden test fails
RIGHT = "def square(x):\n    return x * x"


def acting_as(account, *, reads_all=False):
    """Return the words before a command that give it the rights of an account; none for our own.

    ``reads_all`` lets it read everything besides, as far as it takes to run a Python that lies in a
    folder of ours. It may write no more than the account.
    """
    if account.pw_uid == os.getuid():
        return []
    words = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    if reads_all:
        words += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return [*words, "--"]


def nbgrader(words):
    """Run a command of nbgrader in this process; return its exit status."""
    from nbgrader.apps import NbGraderApp

    app = NbGraderApp()
    try:
        app.initialize(words)
        app.subapp.start()
    except SystemExit as end:
        return end.code
    finally:
        if app.subapp is not None:
            type(app.subapp).clear_instance()
    return 0


@pytest.fixture(scope="session")
def accounts():
    """Two students' accounts on this machine; our own alone where we cannot act as another."""
    own = pwd.getpwuid(os.getuid())
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        return [own]
    others = [account for account in pwd.getpwall() if account.pw_uid not in (0, 65534)][:2]
    for account in others:
        trial = [*acting_as(account, reads_all=True), sys.executable, "-c", "import nbgrader"]
        if subprocess.run(trial, check=False).returncode != 0:
            return [own]
    return others


@pytest.fixture
def strangers(accounts):
    """Two accounts that are not ours, or the reason why there are none."""
    if len(accounts) < 2:
        pytest.skip("only root can act as two students, and only where it has setpriv")
    return accounts


class Place:
    """A machine's folders: the exchange, the course, the settings, and a home for everybody."""

    def __init__(self, root):
        self.exchange, self.course = root / "exchange", root / "course"
        self.settings, self.homes = root / "etc", root / "home"
        for folder, mode in ((self.exchange, 0o1777), (self.settings, 0o755), (self.homes, 0o755)):
            folder.mkdir()
            folder.chmod(mode)
        shutil.copy(HUB / "nbgrader_config.py", self.settings)
        self.options = [
            f"--Exchange.root={self.exchange}",
            # There is no Hub to ask here who is in which group.
            "--Authenticator.plugin_class=nbgrader.auth.NoAuthPlugin",
        ]

    def home(self, account):
        """Return the home of a student's account."""
        folder = self.homes / account.pw_name
        if not folder.exists():
            folder.mkdir(mode=0o700)
            os.chown(folder, account.pw_uid, account.pw_gid)
        return folder

    def environment(self, home):
        """Return the environment of somebody with a home."""
        return {
            "PATH": PATH,
            "HOME": str(home),
            "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
            "JUPYTER_DATA_DIR": str(home / ".local"),
            "JUPYTER_CONFIG_PATH": str(self.settings),
        }

    def instructor(self, *words, succeeds=True):
        """Run a command of nbgrader in the course's folder; return what it said."""
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said):
            patch.chdir(self.course)
            for name, value in self.environment(self.homes).items():
                patch.setenv(name, value)
            status = nbgrader([*words, *self.options])
        assert (status == 0) == succeeds, said.getvalue()
        return said.getvalue()

    def apart(self, account, folder, *words):
        """Run a command of nbgrader in a process with the rights of an account."""
        words = [*words, *self.options]
        done = subprocess.run(
            [*acting_as(account, reads_all=True), sys.executable, "-m", "nbgrader", *words],
            cwd=folder,
            env=self.environment(self.home(account)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def student(self, account, *words):
        """Run a command of nbgrader as a student, at home."""
        self.apart(account, self.home(account), *words)

    def release_feedback(self):
        """Release the feedback as the instructor does."""
        # Apart, because nbgrader leaves files open here, and our own warnings are errors.
        self.apart(pwd.getpwuid(os.getuid()), self.course, "release_feedback", "toy")

    def hand_in(self, account, answer, *, fetched=False):
        """Fetch the assignment unless it is there, answer it and submit it."""
        if not fetched:
            self.student(account, "fetch_assignment", "toy")
        path = self.home(account) / "toy" / "toy.ipynb"
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cell_of(notebook, "square")["source"] = answer
        path.write_text(json.dumps(notebook), encoding="utf-8")
        self.student(account, "submit", "toy")

    def handed_in(self, account):
        """Return the folder of an account's one submission in the exchange."""
        (folder,) = (self.exchange / COURSE_ID / "inbound").glob(f"{account.pw_name}+toy+*")
        return folder

    def feedback_of(self, account):
        """Return the text of the pages that a student has fetched, oldest first."""
        folder = self.home(account) / "toy" / "feedback"
        pages = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*/toy.html"))]
        texts = [BeautifulSoup(page, "html.parser").get_text() for page in pages]
        return [" ".join(text.split()) for text in texts]


@pytest.fixture
def place(toy):
    """The folders, with the small assignment released into the exchange."""
    # Not under tmp_path, where another account has no way in.
    with tempfile.TemporaryDirectory(prefix="aelib-hub-") as name:
        root = Path(name)
        root.chmod(0o755)
        made = Place(root)
        command("init", made.course, "--sources", toy)
        made.course.chmod(0o700)
        command("release", "toy", "--course", made.course)
        made.instructor("release_assignment", "toy")
        yield made


def test_an_assignment_goes_out_and_its_feedback_comes_back(sandboxed, place, accounts):
    for account, answer in zip(accounts, (WRONG, RIGHT), strict=False):
        place.hand_in(account, answer)
    place.instructor("collect", "toy")
    command("grade", "toy", "--course", place.course)
    command("feedback", "toy", "--course", place.course)

    # nbgrader's own ways to do this are refused, and change nothing.
    def files():
        kinds = ("release", "autograded", "feedback")
        paths = [p for kind in kinds for p in (place.course / kind).rglob("*") if p.is_file()]
        return {path: path.read_bytes() for path in paths}

    before = files()
    assert len(before) >= 6
    for step in ("generate_assignment", "autograde", "generate_feedback"):
        said = place.instructor(step, "toy", "--force", succeeds=False)
        assert "python -m aelib.teach" in said
    assert files() == before

    place.release_feedback()
    skeleton = nbformat.read(Course(place.course).skeleton("toy"), as_version=4)
    hidden = hidden_lines(skeleton)
    assert len(hidden) == 3
    for account, points in zip(accounts, (0.0, 2.0), strict=False):
        grades = score(place.course, "toy", account.pw_name)
        assert grades["test-visible"] == (1.0, 1.0)
        assert grades["test-partial"] == (points, 2.0)
        place.student(account, "fetch_feedback", "toy")
        (page,) = place.feedback_of(account)
        assert "def square(x): return" in page
        assert not [line for line in hidden if line in page]
        assert f"{points} / 2.0" in page

    # Handed in again: each submission has feedback of its own.
    place.hand_in(accounts[0], RIGHT, fetched=True)
    place.instructor("collect", "toy", "--update")
    command("grade", "toy", "--course", place.course)
    command("feedback", "toy", "--course", place.course)
    place.release_feedback()
    place.student(accounts[0], "fetch_feedback", "toy")
    old, new = place.feedback_of(accounts[0])
    assert "0.0 / 2.0" in old
    assert "2.0 / 2.0" in new
    assert score(place.course, "toy", accounts[0].pw_name)["test-partial"] == (2.0, 2.0)


def test_what_must_not_be_collected_is_left_out_and_stops_nothing(place, accounts):
    for account in accounts:
        place.hand_in(account, RIGHT)
    theirs = place.handed_in(accounts[0])
    (theirs / "toy.ipynb").unlink()
    (theirs / "toy.ipynb").symlink_to(place.course / "source" / "toy" / "toy.ipynb")
    assert "there are links in it: toy.ipynb" in place.instructor("collect", "toy")
    assert list(Course(place.course).submissions("toy")) == [a.pw_name for a in accounts[1:]]


def test_students_see_and_change_nothing_of_one_another(place, strangers):
    first, second = strangers
    place.hand_in(first, RIGHT)
    theirs = place.handed_in(first)
    (place.course / "feedback").mkdir()
    place.release_feedback()

    def can(*words):
        done = subprocess.run([*acting_as(second), *words], capture_output=True, check=False)
        return done.returncode == 0

    shared = place.exchange / COURSE_ID
    assert can("ls", shared / "outbound" / "toy")
    assert not can("ls", shared / "inbound")
    assert not can("ls", shared / "feedback")
    assert not can("touch", shared / "outbound" / "toy" / "toy.ipynb")
    assert not can("mv", shared, place.exchange / "elsewhere")
    assert not can("ls", place.course)
    assert not can("ls", place.home(first))

    # Nor does one hand in under the other's name.
    forged = theirs.with_name(theirs.name.replace(first.pw_name, second.pw_name, 1))
    subprocess.run([*acting_as(first), "cp", "-r", theirs, forged], check=True)
    assert f"it belongs to {first.pw_name}" in place.instructor("collect", "toy")
    assert list(Course(place.course).submissions("toy")) == [first.pw_name]


OVERRIDE = """
load_subconfig({shipped!r})
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = {password!r}
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.JupyterHub.bind_url = "http://127.0.0.1:{ports[0]}"
c.JupyterHub.hub_port = {ports[1]}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{ports[2]}"
c.JupyterHub.cleanup_servers = True
c.Spawner.environment = {{"JUPYTER_CONFIG_PATH": {students!r} + ":" + {settings!r}}}
c.Spawner.args = {arguments}
(service,) = c.JupyterHub.services
account = service.pop("user")
service["url"] = "http://127.0.0.1:{ports[3]}"
service["cwd"] = {course!r}
service["command"] += {arguments}
service["environment"] = {{
    "JUPYTER_CONFIG_PATH": {settings!r}, "JUPYTERHUB_USER": account, "HOME": {home!r}
}}
"""


def free_ports(number):
    """Return ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Visitor:
    """Somebody with a browser."""

    def __init__(self, address, name, password):
        self.address, self.session = address, requests.Session()
        self.get("/hub/login")
        self.login = self.post("/hub/login", "/hub/", data={"username": name, "password": password})

    def get(self, path):
        """Open a page."""
        return self.session.get(self.address + path, timeout=60)

    def post(self, path, prefix, **sent):
        """Send something to a server, with its token against forged requests."""
        found = [c.value for c in self.session.cookies if (c.name, c.path) == ("_xsrf", prefix)]
        where = f"{self.address}{path}?_xsrf={found[0]}"
        return self.session.post(where, timeout=60, **sent)


def wait_until(ready, process, log):
    """Wait until something is so, while a process runs."""
    end = time.monotonic() + 180
    while not ready():
        said = log.read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, said
        assert time.monotonic() < end, said
        time.sleep(0.2)


@pytest.fixture
def hub(place, tmp_path):
    """The Hub of hub/, with a student and an instructor, and each server run by ourselves."""
    missing = [
        name
        for name, found in (
            ("jupyterhub", importlib.util.find_spec("jupyterhub")),
            ("configurable-http-proxy", shutil.which("configurable-http-proxy", path=PATH)),
        )
        if not found
    ]
    if missing:
        complaint = f"not installed: {', '.join(missing)} (pip install -r hub/requirements.txt)"
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail(complaint)
        pytest.skip(complaint)

    shipped, home, password = tmp_path / "hub", tmp_path / "home", secrets.token_hex(16)
    shutil.copytree(HUB, shipped)
    own = pwd.getpwuid(os.getuid()).pw_name
    (shipped / "instructors.txt").write_text("# who grades\nada\n", encoding="utf-8")
    (shipped / "students.txt").write_text(f"{own}\n", encoding="utf-8")
    settings = place.settings / "nbgrader_config.py"
    with settings.open("a", encoding="utf-8") as more:
        more.write(f"\nc.Exchange.root = {str(place.exchange)!r}\n")
    home.mkdir()
    ports = free_ports(4)
    config = OVERRIDE.format(
        shipped=str(shipped / "jupyterhub_config.py"),
        students=str(shipped / "students"),
        settings=str(place.settings),
        course=str(place.course),
        homes=str(home / "{username}"),
        home=str(home),
        password=password,
        ports=ports,
        arguments=["--allow-root"] if os.getuid() == 0 else [],
    )
    (tmp_path / "config.py").write_text(config, encoding="utf-8")
    log = tmp_path / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", "config.py"],
            cwd=tmp_path,
            env={"PATH": PATH, "HOME": str(home), "LANG": "C.UTF-8"},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            wait_until(lambda: b"is now running at" in log.read_bytes(), process, log)
            with contextlib.ExitStack() as stack:

                def visit(name, password=password):
                    visitor = Visitor(f"http://127.0.0.1:{ports[0]}", name, password)
                    stack.enter_context(visitor.session)
                    return visitor

                yield visit, own, lambda ready: wait_until(ready, process, log)
        finally:
            process.terminate()  # it ends the servers that it started
            process.wait(timeout=60)


def test_a_class_on_the_hub(hub, place):
    visit, own, wait = hub
    assert visit(own, "a guess").login.status_code == 403
    assert visit("somebody").login.status_code == 403

    # A student: assignments, no formgrader, neither an own one nor the graders'.
    student, at = visit(own), f"/user/{own}/"
    assert student.login.status_code == 200
    student.get("/hub/spawn")
    wait(lambda: student.get(f"{at}lab").url == f"{student.address}{at}lab")
    listed = student.get(f"{at}assignments?course_id={COURSE_ID}").json()
    assert [(a["assignment_id"], a["status"]) for a in listed["value"]] == [("toy", "released")]
    for action in ("fetch", "submit"):
        what = {"course_id": COURSE_ID, "assignment_id": "toy"}
        assert student.post(f"{at}assignments/{action}", at, json=what).json()["success"]
    (handed_in,) = (place.exchange / COURSE_ID / "inbound").iterdir()
    assert handed_in.name.startswith(f"{own}+toy+")
    assert student.get(f"{at}formgrader").status_code == 404
    assert student.get(f"{at}formgraders").status_code == 404
    theirs = f"/services/{COURSE_ID}/"
    for page in ("formgrader", "lab", "api/contents", "files/gradebook.db"):
        assert student.get(theirs + page).status_code == 403, page

    # An instructor: the formgrader with its buttons, and the students' servers closed.
    instructor = visit("ada")
    assert "Manage Assignments" in instructor.get(f"{theirs}formgrader").text
    names = [one["name"] for one in instructor.get(f"{theirs}formgrader/api/assignments").json()]
    assert names == ["toy"]
    assert instructor.get(f"{at}api/contents").status_code == 403
    collected = instructor.post(f"{theirs}formgrader/api/assignment/toy/collect", theirs).json()
    assert collected["success"], collected
    assert list(Course(place.course).submissions("toy")) == [own]
    button = f"{theirs}formgrader/api/submission/toy/{own}/autograde"
    refused = instructor.post(button, theirs).json()
    assert not refused["success"]
    assert "python -m aelib.teach" in refused["log"]
