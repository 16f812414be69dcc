"""Texts and values as they are read, cut, told and named."""
