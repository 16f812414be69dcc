"""What Regrade does: nouns, ports, pure rules, and the verbs that are its tools.

Nothing here knows a database, a network or a protocol; those stand behind the
ports and live in ``regrade_server``.
"""
