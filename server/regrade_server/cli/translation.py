"""What replies advise an agent, as advice for a person: a command where they name a tool."""

import re

# What stands beside the name of a tool because an agent tells it to a person.
_ASIDE = re.compile(r" \(a person: [^)]*\)")
# A call with its arguments, then a tool that is named alone: what comes first is tried first.
_COMMANDS = tuple(
    (re.compile(pattern), command)
    for pattern, command in (
        (r'get_run\("(run_\w+)"\)', r"`regrade show \1`"),
        (r'get_run\("(run_\w+)", (\w+=[^,)]+)\)', r"`regrade call get_run run_id=\1 \2`"),
        (r'align_judge\("([^"]+)"\)', r"`regrade align \1`"),
        (r'align_judge\("([^"]+)", split="?(\w+|\.{3})"?\)', r"`regrade align \1 --split \2`"),
        (r"align_judge with split=(\w+)", r"`regrade align JUDGE --split \1`"),
        (r'run_suite\("[^"]+", resume="?(\w+|\.{3})"?\)', r"`regrade run --resume \1`"),
        (r'run_suite\("([^"]+)"\)', r"`regrade run \1`"),
        (r'overview\("(\w+)"\)', r"`regrade guide \1`"),
        (r"overview with the suite's name", "`regrade call overview name=SUITE`"),
        (r"search_traces", "`regrade search`"),
        (r"summarize_traces", "`regrade summarize`"),
        (r"import_traces", "`regrade import`"),
        (r"generate_inputs", "`regrade generate`"),
        (r"align_judge", "`regrade align`"),
        (r"run_suite", "`regrade run`"),
        (r"(get_trace|get_run|file_case|run_judge|overview)", r"`regrade call \1`"),
        (r"next_cursor", "--cursor"),
        (r"dry_run", "--dry-run"),
    )
)
# A part of a path, of a reference to a function or of a longer name is somebody's own.
_APART, _ENDED = r"(?<![\w./:-])", r"(?![\w/-]|[.:]\w)"
# What is a command already, of several words, is found first and stays.
_NAMED = re.compile(
    "|".join(["`[^`]+ [^`]+`", *(rf"{_APART}`?{one.pattern}{_ENDED}`?" for one, _ in _COMMANDS)])
)


def for_person(advice: str) -> str:
    """``advice`` to an agent as a person at a terminal follows it."""
    return _NAMED.sub(_command, _ASIDE.sub("", advice))


def told(*advice: str | None) -> list[str]:
    """A line for each piece of ``advice`` that there is."""
    return [for_person(one) for one in advice if one]


def _command(found: re.Match[str]) -> str:
    name = found[0].strip("`")
    matches = ((pattern.fullmatch(name), command) for pattern, command in _COMMANDS)
    return next((match.expand(command) for match, command in matches if match), found[0])


def packet(packet_id: str) -> str:
    """The command by which a packet is read, and answered."""
    return f"`regrade call submit_answers packet_id={packet_id} 'answers=[]'`"
