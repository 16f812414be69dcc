"""Judges: asked, aligned with people, and measured."""
