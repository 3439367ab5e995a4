"""How far something is, and what it came to, as a person is shown it: on a terminal, in a notebook, in a log."""
