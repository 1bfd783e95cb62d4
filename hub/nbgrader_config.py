"""nbgrader's settings for everybody on the Hub; it goes to /etc/jupyter/nbgrader_config.py."""

import os
import pwd
import shutil
from pathlib import Path

from nbconvert.exporters import NotebookExporter
from nbgrader.auth import JupyterHubAuthPlugin
from nbgrader.converters.base import NbGraderException
from nbgrader.exchange.default import ExchangeCollect

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "autoencoders"  # as in jupyterhub_config.py
c.Exchange.root = "/srv/nbgrader/exchange"
# Whoever is in neither group of a course neither sees it nor can submit to it.
c.Authenticator.plugin_class = JupyterHubAuthPlugin


class Collect(ExchangeCollect):
    """Collect as nbgrader does, but leave out a submission that must not be taken, and go on.

    Students own what lies in the exchange. A link in it, followed by the graders' account, would
    bring in the solutions; a folder may bear another student's name; and nbgrader stops at the
    first folder that it cannot copy.
    """

    def do_copy(self, src, dest, log=None):
        """Copy one submission, or say why not."""
        try:
            found = [Path(src), *Path(src).rglob("*")]
            links = [path.name for path in found if path.is_symlink()]
            if links:
                raise ValueError(f"there are links in it: {', '.join(links)}")
            owner = pwd.getpwuid(os.stat(src).st_uid).pw_name
            if self.check_owner and owner != Path(src).name.rsplit("+", 3)[0]:
                raise ValueError(f"it belongs to {owner}")
            for name in ("timestamp.txt", "submission_secret.txt"):
                (Path(src) / name).read_text(encoding="utf-8")  # its feedback will need them
            super().do_copy(src, dest, log=log)
        except Exception as reason:  # whatever it is, it must not cost others their grade
            shutil.rmtree(dest, ignore_errors=True)
            self.log.error("Left out %s: %s", src, reason)


c.ExchangeFactory.collect = Collect


class Refused(NotebookExporter):
    """Stand in the place of three steps that the course does by `python -m aelib.teach`.

    nbgrader's own would run a student's program with the rights of the graders' account, show
    hidden tests in the feedback, and hand out what nobody has checked. They fail here before they
    change a file. The course's own commands read only the settings in the course's folder.
    """

    def __init__(self, parent, **settings):
        message = (
            "Not on this Hub: open a terminal in the course's folder and run `python -m "
            "aelib.teach` with release, grade or feedback, and the assignment's name."
        )
        parent.log.error(message)
        raise NbGraderException(message)


c.GenerateAssignment.exporter_class = Refused
c.Autograde.exporter_class = Refused
c.GenerateFeedback.exporter_class = Refused
