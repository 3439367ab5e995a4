"""The lake as one object: its catalogue and its storage together."""
