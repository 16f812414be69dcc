"""Every tool, once, with its effect."""

from regrade_tools.cases.outputs import Outputs
from regrade_tools.cases.verbs import Cases
from regrade_tools.consenting import Asking
from regrade_tools.errands import Errands
from regrade_tools.inputs.verbs import InputMaker
from regrade_tools.judges.verbs import Judges
from regrade_tools.labels.verbs import Labels
from regrade_tools.overview import Overviews
from regrade_tools.suites.verbs import Suites
from regrade_tools.tool import Tool
from regrade_tools.traces.summaries import Summaries
from regrade_tools.traces.verbs import Traces


def catalog(  # noqa: PLR0913 - every noun that has tools
    overviews: Overviews,
    traces: Traces,
    summaries: Summaries,
    cases: Cases,
    suites: Suites,
    outputs: Outputs,
    judges: Judges,
    errands: Errands,
    labels: Labels,
    inputs: InputMaker,
) -> list[Tool]:
    """The tools in the order in which an agent needs them."""
    return [
        Tool(overviews.overview, "Overview", "reads", "overview(name) shows one suite alone."),
        Tool(traces.search_traces, "Search traces", "reads", "Ask for fewer fields or rows."),
        Tool(traces.get_trace, "Read a trace", "reads", 'view "raw" pages through all of it.'),
        Tool(summaries.summarize_traces, "Count traces", "reads", "A smaller limit, or no by."),
        Tool(traces.import_traces, "Import traces", "writes", "What could be read is stored."),
        Tool(
            labels.label_traces,
            "Label traces",
            "writes",
            "label: in search_traces finds them.",
            asks=Asking(labels.question, "sign"),
        ),
        Tool(
            inputs.generate_inputs,
            "Generate inputs",
            "runs",
            "evals/cases/ holds what is kept.",
            asks=Asking(inputs.question, "accept"),
        ),
        Tool(cases.file_case, "File a failing case", "writes", "The file at `path` holds it all."),
        Tool(suites.run_suite, "Run a suite", "runs", "get_run with case_id shows one case."),
        # It can cancel, so it does not only read.
        Tool(suites.get_run, "Read a run", "writes", "get_run with case_id shows one case."),
        Tool(outputs.check_output, "Check an output", "reads", "Check fewer assertions at once."),
        Tool(judges.run_judge, "Run a judge", "runs", "cursor pages through the verdicts."),
        Tool(judges.align_judge, "Align a judge", "runs", "cursor pages on where they disagree."),
        Tool(errands.submit_answers, "Submit answers", "writes", "What was accepted is kept."),
    ]
