"""Suites of other tools -> suites and cases, with a report of what could not be said here."""

from regrade_tools.suites.importing.imports import SuiteImport, SuiteImports

__all__ = ["SuiteImport", "SuiteImports"]
