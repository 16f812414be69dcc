"""A first ``evals/`` folder for a repository that has none."""

from regrade_tools.files.workspace import Workspace

NEXT_STEP = (
    "Next: `regrade import PATH` reads your logs; `regrade search` finds a bad answer in them, "
    "and your agent files it as a case. Name your program in evals/regrade.yaml to run it."
)
_PROJECT = """\
# Targets: the programs under test. `recorded`, `corrected` and `latest` are always there.
targets: {}
#  app:
#    python: my_package.bot:answer      # a function that takes the input and returns the output
#  cli:
#    command: [node, bot.js]            # reads {"id", "input"} a line, prints {"output"} a line
#  service:
#    http: {url: "http://127.0.0.1:8000/answer"}  # is sent {"id", "input"}, answers {"output"}
"""
_SUITE = """\
# `regrade schema suite` says what may stand here.
description: The first suite.
# The outputs that the cases were filed with, which are the bad ones: every case is red. Name a
# target of evals/regrade.yaml here, so that cases turn green when the program is mended.
target: recorded
# What the product does, by feature and scenario, with what must hold in each:
#features:
#  answers:
#    scenarios:
#      unknown:
#        description: The answer is not in the data, and the bot says so.
#        assertions:
#          - {type: icontains, value: do not know}
"""


def initialise(workspace: Workspace) -> list[str]:
    """Write what is not there yet; the paths that were written, in the workspace."""
    files = {workspace.evals / "regrade.yaml": _PROJECT}
    if not workspace.suites():
        files[workspace.suite_path("main")] = _SUITE
    return [
        path.relative_to(workspace.root).as_posix()
        for path, text in files.items()
        if workspace.write_new(path, text)
    ]
