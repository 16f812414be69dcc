"""Test inputs: planned along dimensions, written, and accepted by a person."""
