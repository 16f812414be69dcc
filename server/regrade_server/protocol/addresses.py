"""What stands at fixed addresses of ours: the guides, and the schemas of files."""

GUIDES = ("start", "assertions", "judges", "gate", "query")
# The kinds of files that have a schema; a test holds them to `regrade_tools.files.published`.
SCHEMAS = ("suite", "case", "judge", "project", "assertion")
