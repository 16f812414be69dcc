"""What touches the world: the database, the processes, the protocol and the command line."""
