"""Suites: read, planned, examined and imported."""
