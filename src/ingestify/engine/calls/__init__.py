"""A call of the engine in Python: what it yields, shows, warns of and raises."""
