"""The files of one dataset together: what is there, what is new, and what a complete one holds."""
