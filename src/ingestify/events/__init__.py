"""Domain events on their way out: subscribers in this process, and readers of the event log."""
