"""JupyterHub for one course; the page "On JupyterHub" of the book says how to install it.

Beside this file lie two lists of login names, one a line: ``instructors.txt`` and ``students.txt``.
Written for JupyterHub 6. The Hub runs as root, so that each server can run as its own user.
"""

import sys
from pathlib import Path

c = get_config()  # noqa: F821

COURSE = "autoencoders"  # the course_id in both nbgrader_config.py, the Hub's and the course's
COURSE_FOLDER = f"/srv/nbgrader/{COURSE}"  # made by `python -m aelib.teach init`
GRADER = f"grader-{COURSE}"  # the account that owns this folder; nobody logs in with it


def names(file):
    """Return the login names that a file beside this one lists."""
    lines = (Path(__file__).parent / file).read_text(encoding="utf-8").splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


instructors, students = names("instructors.txt"), names("students.txt")

# Who may log in: these and nobody else. They log in with their account on this machine (PAM), or
# with your university's if you set c.JupyterHub.authenticator_class; a name stays the account's.
c.Authenticator.allowed_users = instructors | students
# Whoever is taken off the lists is out at the next start, though the Hub still knows the name.
c.Authenticator.allow_existing_users = False

# Only this machine reaches the Hub without TLS: put a web server with a certificate before it.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
# A host name for each user's server, so that no page of a student's can act for a grader who opens
# it. It needs a wildcard name and certificate:
# c.JupyterHub.subdomain_host = "https://hub.example.org"
# A restart of the Hub, for a new name on a list, leaves the users' servers running.
c.JupyterHub.cleanup_servers = False

# Users' servers run in the Hub's own Python environment. What only graders use is switched off.
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.environment = {"JUPYTER_CONFIG_PATH": "/etc/jupyter/students"}
# nbgrader asks the Hub which groups the user of a server is in; the first two are the defaults.
c.Spawner.server_token_scopes = [
    "users:activity!user",
    "access:servers!server",
    "read:users:groups!user",
]

# nbgrader knows the members of a course by these two groups.
c.JupyterHub.load_groups = {
    f"formgrade-{COURSE}": {"users": [GRADER, *sorted(instructors)]},
    f"nbgrader-{COURSE}": {"users": sorted(students)},
}
# The graders' one server, at /services/autoencoders/: all of them act through its account.
c.JupyterHub.services = [
    {
        "name": COURSE,
        "url": "http://127.0.0.1:9999",
        "command": [sys.executable, "-m", "jupyterhub.singleuser"],
        "user": GRADER,
        "cwd": COURSE_FOLDER,
        "timeout": 120,  # seconds that it may take to start; the Hub waits for it
        "oauth_no_confirm": True,
    }
]
c.JupyterHub.load_roles = [
    {
        "name": f"formgrade-{COURSE}",
        "groups": [f"formgrade-{COURSE}"],
        "scopes": [f"access:services!service={COURSE}"],
    },
    {
        "name": f"service-{COURSE}",
        "services": [COURSE],
        "scopes": [f"read:users:groups!user={GRADER}"],
    },
]
