"""The daemon: collects posts, judges them, hands them to ticketing, shows them live."""
